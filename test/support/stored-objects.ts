/** Objects of every kind of storage in a server, and the question whether it still has them: the right bytes, a refusal, or a lie. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { S3Client } from '../../bench/client/s3-client.ts';
import { seededBytes } from './files.ts';

/** In segments above this many bytes, in the journal below: closed segments of the journal need few objects then. */
export const inlineBytesMax = 256 * 1024;
const bucket = 'kept';
const versioned = 'versions';
const partBytes = 5 * 1024 * 1024;
const requestsAtOnce = 8;

interface Stored {
  readonly bucket: string;
  readonly key: string;
  readonly versionId?: string;
  readonly md5: string;
  readonly length: number;
  /** Its bytes lie in segments, not in the journal. */
  readonly inSegments: boolean;
}

export interface Findings {
  /** What no server may answer: wrong bytes, something missing that was acknowledged. */
  readonly lies: string[];
  /** Answers of 500 and above and broken connections. */
  readonly refusals: string[];
}

export class StoredObjects {
  readonly #objects: Stored[] = [];
  readonly #middles: number;
  /** The versions listing, a line a version. */
  #versions: string[] = [];

  /** `closedSegments`: so much in the journal that it has more than one segment. */
  constructor(closedSegments: boolean) {
    this.#middles = closedSegments ? 38 : 2;
  }

  /** Stores a part of it; the two parts together are all. */
  async fill(client: S3Client, part: 'first' | 'second'): Promise<void> {
    const first = part === 'first';
    if (first) {
      for (const name of [bucket, versioned]) await client.must({ method: 'PUT', bucket: name });
      const body = Buffer.from('<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>');
      await client.must({ method: 'PUT', bucket: versioned, query: { versioning: '' }, body });
    }
    const from = first ? 0 : 1;
    const sizes = [
      ...Array.from({ length: 12 }, (_, index) => ['small', index * 650] as const),
      ...Array.from({ length: this.#middles }, () => ['middle', 240_000] as const),
      ...[262_145, 300_000, 1_048_577, 3_000_000].map((length) => ['large', length] as const),
    ];
    for (const [index, [name, length]] of sizes.entries()) await this.#put(client, `${name}/${index * 2 + from}`, length);
    for (const key of ['a', 'b']) for (const length of [100 + from, 300_000 + from]) await this.#put(client, `${key}`, length, versioned);
    if (first) await this.#multipart(client);
    else await client.must({ method: 'DELETE', bucket: versioned, key: 'b' });
    this.#versions = versionLines((await client.must({ method: 'GET', bucket: versioned, query: { versions: '' } })).body.toString());
    assert.equal(this.#versions.length, first ? 4 : 9);
  }

  async #put(client: S3Client, key: string, length: number, into = bucket): Promise<void> {
    const body = seededBytes(length, this.#objects.length + 1);
    const { headers } = await client.must({ method: 'PUT', bucket: into, key, body });
    const versionId = headers['x-amz-version-id'];
    const stored = { bucket: into, key, md5: md5(body), length, inSegments: length > inlineBytesMax };
    this.#objects.push({ ...stored, ...(typeof versionId === 'string' && { versionId }) });
  }

  async #multipart(client: S3Client): Promise<void> {
    const at = { bucket, key: 'multipart' };
    const started = await client.must({ ...at, method: 'POST', query: { uploads: '' } });
    const uploadId = /<UploadId>([^<]+)</.exec(started.body.toString())?.[1] ?? '';
    const bodies = [seededBytes(partBytes, 991), seededBytes(70_000, 992)];
    let parts = '';
    for (const [index, body] of bodies.entries()) {
      const { headers } = await client.must({ ...at, method: 'PUT', query: { partNumber: String(index + 1), uploadId }, body });
      parts += `<Part><PartNumber>${index + 1}</PartNumber><ETag>${headers.etag}</ETag></Part>`;
    }
    const body = Buffer.from(`<CompleteMultipartUpload>${parts}</CompleteMultipartUpload>`);
    await client.must({ ...at, method: 'POST', query: { uploadId }, body });
    const whole = Buffer.concat(bodies);
    this.#objects.push({ ...at, md5: md5(whole), length: whole.length, inSegments: true });
  }

  get count(): number {
    return this.#objects.length;
  }

  /** Asks for all of it: GET or HEAD of every object and version, and the listings. */
  async ask(client: S3Client): Promise<Findings> {
    const findings: Findings = { lies: [], refusals: [] };
    const questions = [
      ...this.#objects.map((object) => () => this.#askObject(client, object, findings)),
      () => this.#askListing(client, findings),
      () => this.#askVersions(client, findings),
    ];
    const worker = async (): Promise<void> => {
      for (let next = questions.shift(); next !== undefined; next = questions.shift()) await next();
    };
    await Promise.all(Array.from({ length: requestsAtOnce }, worker));
    return findings;
  }

  async #askObject(client: S3Client, object: Stored, findings: Findings): Promise<void> {
    const { versionId, key, length } = object;
    const at = { bucket: object.bucket, key, ...(versionId !== undefined && { query: { versionId } }) };
    const what = `${object.bucket}/${key}${versionId === undefined ? '' : ` ${versionId}`} of ${length} bytes`;
    const got = await settle(client.call({ ...at, method: 'GET' }), `GET ${what}`, findings);
    if (got && md5(got.body) !== object.md5) findings.lies.push(`GET ${what}: 200 with other bytes, ${got.body.length} of them`);
    const head = await settle(client.call({ ...at, method: 'HEAD' }), `HEAD ${what}`, findings);
    if (head && head.headers['content-length'] !== String(length))
      findings.lies.push(`HEAD ${what}: length ${head.headers['content-length']}`);
  }

  async #askListing(client: S3Client, findings: Findings): Promise<void> {
    const answer = await settle(client.call({ method: 'GET', bucket, query: { 'list-type': '2' } }), 'LIST', findings);
    if (!answer) return;
    const listed = [...answer.body.toString().matchAll(/<Key>([^<]*)<.*?<Size>(\d+)</gs)].map(([, key, size]) => `${key} ${size}`);
    const known = this.#objects.filter((object) => object.bucket === bucket).map(({ key, length }) => `${key} ${length}`);
    const missing = known.filter((line) => !listed.includes(line));
    const surplus = listed.filter((line) => !known.includes(line) && !line.startsWith('later/'));
    if (missing.length + surplus.length > 0) findings.lies.push(`LIST: missing [${missing}], surplus [${surplus}]`);
  }

  async #askVersions(client: S3Client, findings: Findings): Promise<void> {
    const answer = await settle(client.call({ method: 'GET', bucket: versioned, query: { versions: '' } }), 'LIST versions', findings);
    if (answer && versionLines(answer.body.toString()).join() !== this.#versions.join()) {
      findings.lies.push(`LIST versions: ${versionLines(answer.body.toString()).join()} in place of ${this.#versions.join()}`);
    }
  }
}

interface Said {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** A 200 comes back; a refusal and a lie are noted. */
async function settle(call: Promise<Said>, what: string, findings: Findings): Promise<Said | undefined> {
  try {
    const answer = await call;
    if (answer.status === 200) return answer;
    const text = `${what}: ${answer.status} ${/<Code>[^<]*/.exec(answer.body.toString())?.[0] ?? ''}`;
    (answer.status >= 500 ? findings.refusals : findings.lies).push(text);
  } catch (error) {
    findings.refusals.push(`${what}: ${(error as Error).message}`);
  }
  return undefined;
}

function versionLines(xml: string): string[] {
  const entries = xml.matchAll(/<(Version|DeleteMarker)><Key>([^<]*)<\/Key><VersionId>([^<]*)<\/VersionId><IsLatest>(\w+)</g);
  return [...entries].map(([, kind, key, id, latest]) => `${kind} ${key} ${id} ${latest}`);
}

function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}
