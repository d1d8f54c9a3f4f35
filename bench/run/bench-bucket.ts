/** A bucket that a run works in: made when it is not there, emptied of what the run put into it, removed when the run made it. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer } from '../client/connection.ts';
import { type S3Call, S3Client, type S3Target, type WireOptions } from '../client/s3-client.ts';
import { xmlTexts } from '../workload/xml-texts.ts';

/** What S3 takes in one DeleteObjects. */
const keysPerDelete = 1000;
/** Single deletes at once, where a server has no DeleteObjects. */
const deletesAtOnce = 16;
const shownBytesMax = 300;
const patienceMilliseconds = 500;
const patienceTriesMax = 60;

interface Named {
  readonly key: string;
  readonly version: string | undefined;
}

export class BenchBucket {
  readonly name: string;
  readonly #client: S3Client;
  readonly #region: string;
  #made = false;
  #versioned = false;
  #listed = false;
  #closed = false;

  constructor(target: S3Target, name: string, wire: Pick<WireOptions, 'insecure'>) {
    this.name = name;
    this.#region = target.region;
    this.#client = new S3Client(target, deletesAtOnce, { payload: 'signed', checksum: 'none', keepAlive: true, ...wire });
  }

  /** @throws Error with the server's refusal */
  async make(): Promise<void> {
    const there = await this.#call({ method: 'HEAD' });
    if (there.status === 200) return;
    if (there.status !== 404) throw await this.#whyNotThere(there);
    const place = `<CreateBucketConfiguration><LocationConstraint>${this.#region}</LocationConstraint></CreateBucketConfiguration>`;
    const made = await this.#call({ method: 'PUT', ...(this.#region === 'us-east-1' ? {} : { body: Buffer.from(place) }) });
    if (made.status !== 200) throw refused(`PUT ${this.name}`, made);
    this.#made = true;
  }

  /** @throws Error with the server's refusal */
  async enableVersioning(): Promise<void> {
    if (this.#versioned) return;
    const body = Buffer.from('<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>');
    const answer = await this.#call({ method: 'PUT', query: { versioning: '' }, body, headers: { 'content-md5': md5(body) } });
    if (answer.status !== 200) throw refused(`PUT ${this.name}?versioning`, answer);
    this.#versioned = true;
  }

  /** Deletes all objects, versions and uploads under the prefix. @throws Error when the server does not let it */
  async sweep(prefix: string): Promise<void> {
    await this.#abortUploads(prefix);
    let before = '';
    for (;;) {
      const found = await this.#list(prefix);
      if (found.length === 0) return;
      const first = `${found[0]?.key} ${found[0]?.version}`;
      if (first === before) throw new Error(`${this.name}: ${found[0]?.key} is still listed after it was deleted`);
      before = first;
      await this.#deleteAll(found);
    }
  }

  /** If the run made it. It stays where others' objects are in it. */
  async remove(): Promise<void> {
    if (this.#made) await this.#call({ method: 'DELETE' });
  }

  close(): void {
    this.#closed = true;
    this.#client.close();
  }

  /** An answer to HEAD has no words: the same is asked again as a listing. */
  async #whyNotThere(there: Answer): Promise<Error> {
    const told = await this.#call({ method: 'GET', query: { 'list-type': '2', 'max-keys': '1' } });
    return refused(`the bucket ${this.name}`, told.status === 200 ? there : told);
  }

  async #list(prefix: string): Promise<Named[]> {
    const kind: Record<string, string> = this.#versioned ? { versions: '' } : { 'list-type': '2' };
    const answer = await this.#call({ method: 'GET', query: { ...kind, prefix, 'max-keys': String(keysPerDelete) } });
    if (answer.status !== 200) throw refused(`GET ${this.name}?prefix=${prefix}`, answer);
    const xml = answer.body.toString();
    const keys = xmlTexts(xml, 'Key');
    const versions = this.#versioned ? xmlTexts(xml, 'VersionId') : [];
    return keys.map((key, index) => ({ key, version: versions[index] }));
  }

  async #deleteAll(named: readonly Named[]): Promise<void> {
    if (!this.#listed && (await this.#deleteTogether(named))) return;
    // No DeleteObjects here: one by one.
    this.#listed = true;
    const iterator = named[Symbol.iterator]();
    const lane = async (): Promise<void> => {
      for (const { key, version } of iterator) {
        const answer = await this.#call({ method: 'DELETE', key, ...(version === undefined ? {} : { query: { versionId: version } }) });
        if (answer.status !== 204 && answer.status !== 200 && answer.status !== 404) throw refused(`DELETE ${key}`, answer);
      }
    };
    await Promise.all(Array.from({ length: deletesAtOnce }, lane));
  }

  async #deleteTogether(named: readonly Named[]): Promise<boolean> {
    const objects = named.map(({ key, version }) => {
      const versionId = version === undefined ? '' : `<VersionId>${xmlEscaped(version)}</VersionId>`;
      return `<Object><Key>${xmlEscaped(key)}</Key>${versionId}</Object>`;
    });
    const body = Buffer.from(`<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet>${objects.join('')}</Delete>`);
    const answer = await this.#call({ method: 'POST', query: { delete: '' }, body, headers: { 'content-md5': md5(body) } });
    return answer.status === 200 && !answer.body.includes('<Error>');
  }

  /** Those that were broken off. A server without this listing has none to show. */
  async #abortUploads(prefix: string): Promise<void> {
    for (let before = ''; ; ) {
      const answer = await this.#call({ method: 'GET', query: { uploads: '', prefix } });
      if (answer.status !== 200) return;
      const xml = answer.body.toString();
      const keys = xmlTexts(xml, 'Key');
      const uploads = xmlTexts(xml, 'UploadId');
      if (uploads[0] === undefined || uploads[0] === before) return;
      before = uploads[0];
      for (const [index, uploadId] of uploads.entries()) {
        const key = keys[index];
        if (key?.startsWith(prefix)) await this.#call({ method: 'DELETE', key, query: { uploadId } });
      }
    }
  }

  async #call(call: Omit<S3Call, 'bucket'>): Promise<Answer> {
    for (let tries = 1; ; tries += 1) {
      const answer = await this.#client.call({ ...call, bucket: this.name });
      if ((answer.status !== 503 && answer.status !== 429) || tries === patienceTriesMax) return answer;
      await sleep(patienceMilliseconds);
      if (this.#closed) throw new Error(`${this.name}: ${answer.status} until the end`);
    }
  }
}

function md5(body: Buffer): string {
  return createHash('md5').update(body).digest('base64');
}

function xmlEscaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function refused(what: string, answer: Answer): Error {
  const text = answer.body.toString('utf8', 0, shownBytesMax).replaceAll(/\s+/g, ' ');
  const [[code], [message]] = [xmlTexts(text, 'Code'), xmlTexts(text, 'Message')];
  return new Error(
    `${what}: status ${answer.status} ${code === undefined ? text : `${code}${message === undefined ? '' : `: ${message}`}`}`.trim(),
  );
}
