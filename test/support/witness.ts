/**
 * Remembers what a server acknowledged, and tells afterwards whether it kept it. Each key belongs to one writer, so at most one
 * operation on it is in flight: after a crash the key must hold the acknowledged value or the one in flight, whole, and nothing else.
 */
import { createHash } from 'node:crypto';
import type { S3Client } from '../../bench/client/s3-client.ts';
import { seededBytes } from './files.ts';

const partBytes = 5 * 1024 * 1024;
const sizes = [0, 700, 4096, 8192, 8193, 20_000, 131_072, 1_048_577, 3_000_000];

/** MD5 of the body, or 'absent'. */
type Value = string;

export class Witness {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #acknowledged = new Map<string, Value>();
  readonly #inFlight = new Map<string, Set<Value>>();
  readonly #touched = new Set<string>();
  #operations = 0;
  #slowDowns = 0;
  #stopped = false;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  /** The same memory of a server that was started again. */
  over(client: S3Client): Witness {
    const again = new Witness(client, this.#bucket);
    for (const [key, value] of this.#acknowledged) again.#acknowledged.set(key, value);
    return again;
  }

  get operations(): number {
    return this.#operations;
  }

  /** Operations answered 503 SlowDown: allowed while drives change, and the key may then hold either value. */
  get slowDowns(): number {
    return this.#slowDowns;
  }

  get keys(): number {
    return this.#acknowledged.size;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** One writer over `keys` keys of its own, until stopped or its connection breaks. */
  async write(writer: number, keys: number, random: () => number): Promise<void> {
    this.#stopped = false;
    while (!this.#stopped) {
      const key = `w${writer}/${Math.floor(random() * keys)}`;
      const draw = random();
      try {
        if (draw < 0.2 && this.#acknowledged.get(key) !== undefined) await this.#remove(key);
        else if (draw < 0.23) await this.#multipart(key, Math.floor(random() * 1e9));
        else await this.put(key, sizes[Math.floor(random() * sizes.length)] ?? 0, Math.floor(random() * 1e9));
      } catch (error) {
        if (isSlowDown(error)) {
          this.#slowDowns += 1;
          await new Promise((resolve) => setTimeout(resolve, 50));
        } else if (this.#stopped || isConnectionTrouble(error)) return;
        else throw error;
      }
    }
  }

  async put(key: string, length: number, seed: number): Promise<void> {
    const body = seededBytes(length, seed);
    await this.#during(key, md5(body), () => this.#client.must({ method: 'PUT', bucket: this.#bucket, key, body }));
  }

  async #remove(key: string): Promise<void> {
    await this.#during(key, 'absent', () => this.#client.must({ method: 'DELETE', bucket: this.#bucket, key }));
  }

  async #multipart(key: string, seed: number): Promise<void> {
    const bodies = [seededBytes(partBytes, seed), seededBytes(10_000, seed + 1)];
    const at = { bucket: this.#bucket, key };
    const started = await this.#client.must({ ...at, method: 'POST', query: { uploads: '' } });
    const uploadId = /<UploadId>([^<]+)</.exec(started.body.toString())?.[1] ?? '';
    const parts: string[] = [];
    for (const [index, body] of bodies.entries()) {
      const query = { partNumber: String(index + 1), uploadId };
      const { headers } = await this.#client.must({ ...at, method: 'PUT', query, body });
      parts.push(`<Part><PartNumber>${index + 1}</PartNumber><ETag>${headers.etag}</ETag></Part>`);
    }
    const body = Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`);
    await this.#during(key, md5(Buffer.concat(bodies)), () => this.#client.must({ ...at, method: 'POST', query: { uploadId }, body }));
  }

  async #during(key: string, value: Value, operation: () => Promise<unknown>): Promise<void> {
    this.#touched.add(key);
    this.#inFlight.set(key, (this.#inFlight.get(key) ?? new Set()).add(value));
    await operation();
    this.#inFlight.delete(key);
    this.#acknowledged.set(key, value);
    this.#operations += 1;
  }

  /** Reads every key touched since the last check (all keys when `everything`); answers with a sentence per lie. */
  async check(everything = false): Promise<string[]> {
    const lies: string[] = [];
    const keys = everything ? [...this.#acknowledged.keys()] : [...this.#touched];
    const one = async (key: string): Promise<void> => {
      const found = await this.#read(key);
      const acknowledged = this.#acknowledged.get(key) ?? 'absent';
      const inFlight = [...(this.#inFlight.get(key) ?? [])];
      if (found !== acknowledged && !inFlight.includes(found))
        lies.push(`${key}: found ${found}, acknowledged ${acknowledged}, in flight [${inFlight}]`);
      this.#acknowledged.set(key, found);
    };
    for (let at = 0; at < keys.length; at += 16) await Promise.all(keys.slice(at, at + 16).map(one));
    this.#inFlight.clear();
    this.#touched.clear();
    return lies;
  }

  async #read(key: string): Promise<Value> {
    const answer = await this.#client.call({ method: 'GET', bucket: this.#bucket, key });
    if (answer.status === 404) return 'absent';
    if (answer.status !== 200) return `status ${answer.status} ${answer.body}`;
    return md5(answer.body);
  }
}

function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}

function isSlowDown(error: unknown): boolean {
  return /: 503 /.test(String(error));
}

function isConnectionTrouble(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return ['ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(code) || /connection closed/.test(String(error));
}
