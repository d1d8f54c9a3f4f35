/** Bytes of a file in memory that grow by doubling, and what a power cut leaves of them. */
export class GrowingBytes {
  #bytes = Buffer.alloc(0);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  apply(change: PendingChange): void {
    if (change.kind === 'truncate') this.#resize(change.size);
    else if (change.bytes.length > 0) {
      this.#resize(Math.max(this.#size, change.position + change.bytes.length));
      this.#bytes.set(change.bytes, change.position);
    }
  }

  read(target: Uint8Array, position: number): number {
    const end = Math.min(this.#size, position + target.length);
    if (end <= position) return 0;
    target.set(this.#bytes.subarray(position, end));
    return end - position;
  }

  flip(position: number): void {
    this.#bytes[position] = (this.#bytes[position] ?? 0) ^ 0x41;
  }

  copy(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#size));
  }

  #resize(size: number): void {
    if (size > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(size, this.#bytes.length * 2, 4096));
      grown.set(this.#bytes.subarray(0, this.#size));
      this.#bytes = grown;
    }
    if (size < this.#size) this.#bytes.fill(0, size, this.#size);
    this.#size = size;
  }
}

export type PendingChange =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly size: number };

/** What a drive writes whole or not at all. */
const sectorBytes = 512;

/**
 * What the medium could hold after a power cut: `durable` and any of `pending`. Between two truncations writes land in any order, each
 * whole, not at all, or in some of its sectors; a write that is lost may still have made the file longer.
 */
export function crashedContent(durable: GrowingBytes, pending: readonly PendingChange[], random: () => number): Buffer {
  const left = new GrowingBytes();
  left.apply({ kind: 'write', position: 0, bytes: durable.copy() });
  const keptShare = random() * 1.4 - 0.2;
  let writes: PendingChange[] = [];
  const land = (): void => {
    for (const write of shuffled(writes, random)) for (const piece of torn(write, keptShare, random)) left.apply(piece);
    writes = [];
  };
  for (const change of pending) {
    if (change.kind === 'write') writes.push(change);
    else {
      land();
      if (random() < keptShare) left.apply(change);
    }
  }
  land();
  return left.copy();
}

/** The sectors of a write that reached the medium. */
function torn(write: PendingChange, keptShare: number, random: () => number): PendingChange[] {
  if (write.kind !== 'write' || random() < keptShare / 2) return [write];
  const kept: PendingChange[] = [];
  let from = 0;
  while (from < write.bytes.length) {
    const untilSector = sectorBytes - ((write.position + from) % sectorBytes);
    const bytes = write.bytes.subarray(from, from + untilSector);
    if (random() < keptShare) kept.push({ kind: 'write', position: write.position + from, bytes });
    from += bytes.length;
  }
  return kept;
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const mixed = [...items];
  for (let last = mixed.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [mixed[last], mixed[other]] = [mixed[other] as T, mixed[last] as T];
  }
  return mixed;
}
