/** What one bucket of S3 does, in the plainest TypeScript there is: the measure that the engine is held against. */
export interface ModelVersion {
  readonly id: string;
  readonly marker: boolean;
  readonly content: string;
}

export class StoreModel {
  versioning: 'unversioned' | 'enabled' | 'suspended' = 'unversioned';
  /** Newest first. */
  readonly keys = new Map<string, ModelVersion[]>();

  current(key: string): ModelVersion | undefined {
    const newest = this.keys.get(key)?.[0];
    return newest === undefined || newest.marker ? undefined : newest;
  }

  /** `id` of the version made, as the engine gave it. */
  put(key: string, content: string, id: string): void {
    this.add(key, { id, marker: false, content });
  }

  /** Without a version id. Answers whether a marker was placed. */
  remove(key: string, id: string): void {
    if (this.versioning === 'unversioned') this.keys.delete(key);
    else this.add(key, { id, marker: true, content: '' });
  }

  removeVersion(key: string, id: string): void {
    const left = (this.keys.get(key) ?? []).filter((version) => version.id !== id);
    if (left.length === 0) this.keys.delete(key);
    else this.keys.set(key, left);
  }

  version(key: string, id: string): ModelVersion | undefined {
    return this.keys.get(key)?.find((version) => version.id === id);
  }

  sortedKeys(): string[] {
    return [...this.keys.keys()].sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
  }

  /** Keys, or common prefixes with `null`, in order. */
  listing(prefix: string, delimiter: string): (readonly [name: string, content: string | null])[] {
    const entries: (readonly [string, string | null])[] = [];
    for (const key of this.sortedKeys()) {
      const current = this.current(key);
      if (current === undefined || !key.startsWith(prefix)) continue;
      const common = rolledUp(key, prefix, delimiter);
      if (common === undefined) entries.push([key, current.content]);
      else if (entries.at(-1)?.[0] !== common) entries.push([common, null]);
    }
    return entries;
  }

  versionListing(prefix: string, delimiter: string): string[] {
    const entries: string[] = [];
    for (const key of this.sortedKeys()) {
      if (!key.startsWith(prefix)) continue;
      const common = rolledUp(key, prefix, delimiter);
      if (common !== undefined) {
        if (entries.at(-1) !== common) entries.push(common);
        continue;
      }
      for (const [at, version] of this.keys.get(key)!.entries()) {
        entries.push(`${key} ${version.id} ${version.marker ? 'marker' : 'version'}${at === 0 ? ' latest' : ''}`);
      }
    }
    return entries;
  }

  private add(key: string, version: ModelVersion): void {
    const kept = (this.keys.get(key) ?? []).filter(({ id }) => this.versioning === 'enabled' || id !== 'null');
    this.keys.set(key, [version, ...kept]);
  }
}

function rolledUp(key: string, prefix: string, delimiter: string): string | undefined {
  const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : key.slice(0, at + delimiter.length);
}
