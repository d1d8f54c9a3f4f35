/** A server of a run: an endpoint that is there, or one that the harness started; with its buckets and what was laid out in them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { S3Client, type S3Target } from '../client/s3-client.ts';
import type { ServerRecord } from '../report/result.ts';
import { BenchBucket } from './bench-bucket.ts';
import { Contender } from './contender.ts';
import { withWayOut } from './first-answer.ts';
import { type BenchPlan, type ServerPlan, versionsSuffix, type WorkloadName } from './plan.ts';
import type { ProcessFiles } from './process-files.ts';
import type { TreeCost } from './process-tree.ts';

/** Between a connection that breaks and the news that the process has ended: a busy machine brings it late. */
const newsMilliseconds = 2000;

export class BenchServer {
  readonly plan: ServerPlan;
  /** Sizes of which the objects to read are there. */
  readonly laidOut = new Set<string>();
  readonly #run: BenchPlan;
  readonly #files: ProcessFiles;
  #contender: Contender | undefined;
  #target: S3Target | undefined;
  #banner = '';
  #failure: string | undefined;
  readonly #buckets = new Map<string, BenchBucket>();
  /** What waits for a first answer, and may wait long. */
  readonly #asking = new Set<{ close(): void }>();
  #brokenOff = false;

  constructor(plan: ServerPlan, run: BenchPlan, files: ProcessFiles) {
    this.plan = plan;
    this.#run = run;
    this.#files = files;
  }

  get name(): string {
    return this.plan.name;
  }

  get target(): S3Target {
    if (this.#target === undefined) throw new Error(`${this.name} was not started`);
    return this.#target;
  }

  /** Why no further line can be run on it. */
  get failure(): string | undefined {
    const words = this.#contender?.lastWords;
    return this.#failure ?? (words === undefined ? undefined : `${this.name} ${words}`);
  }

  /** Undefined for endpoints, and where the system does not tell. */
  cost(): TreeCost | undefined {
    return this.#contender?.cost();
  }

  /** Starts it, or finds it there, and makes the bucket. What goes wrong is its `failure`. @throws the signal's reason */
  async start(signal: AbortSignal): Promise<void> {
    try {
      if (this.plan.kind === 'serve') {
        this.#contender = await Contender.start(this.plan, { insecure: this.#run.insecure, signal, files: this.#files });
        this.#target = this.#contender.target;
        this.#banner = this.#contender.banner;
      } else {
        this.#target = { ...this.plan.credentials, endpoint: this.plan.endpoint };
        this.#banner = await this.#serverHeader();
      }
      await this.bucketFor('put');
    } catch (error) {
      signal.throwIfAborted();
      this.#failure = await this.explain((error as Error).message);
    }
  }

  /** Versions have a bucket of their own: versioning can't be taken back. @throws Error with the server's refusal */
  async bucketFor(workload: WorkloadName): Promise<BenchBucket> {
    const name = workload === 'versioned' ? `${this.#run.bucket}${versionsSuffix}` : this.#run.bucket;
    let bucket = this.#buckets.get(name);
    if (bucket === undefined) {
      bucket = new BenchBucket(this.target, name, this.#run);
      this.#asking.add(bucket);
      try {
        await bucket.make();
      } catch (error) {
        bucket.close();
        throw error;
      } finally {
        this.#asking.delete(bucket);
      }
      this.#buckets.set(name, bucket);
    }
    if (workload === 'versioned') await bucket.enableVersioning();
    return bucket;
  }

  /** Nobody waits any more for the first answers of a server that gives none. */
  breakOff(): void {
    this.#brokenOff = true;
    for (const one of this.#asking) one.close();
  }

  /** Why a line failed: the reason, or how the process ended if that is what is behind it. */
  async explain(reason: string): Promise<string> {
    if (this.#contender === undefined) return reason;
    const since = performance.now();
    while (this.failure === undefined && performance.now() - since < newsMilliseconds) await sleep(20);
    return this.failure ?? reason;
  }

  record(): ServerRecord {
    const { plan } = this;
    const about = { name: plan.name, endpoint: this.#target?.endpoint ?? '', banner: this.#banner };
    if (plan.kind === 'endpoint' || this.#contender === undefined) return about;
    const command = plan.command.map((word) => word.replaceAll(plan.credentials.secretKey, '***')).join(' ');
    const { startSeconds, idleResidentBytes } = this.#contender;
    const peakResidentBytes = this.#contender.peakBytes();
    const memory = {
      ...(idleResidentBytes !== undefined && { idleResidentBytes }),
      ...(peakResidentBytes !== undefined && { peakResidentBytes }),
    };
    return { ...about, process: { command, startSeconds, ...memory } };
  }

  /** Deletes what the run left, where it outlives the run. */
  async cleanUp(prefix: string): Promise<void> {
    if (this.plan.kind === 'serve') return;
    for (const bucket of this.#buckets.values()) {
      await bucket.sweep(prefix);
      await bucket.remove();
    }
  }

  async stop(): Promise<void> {
    for (const bucket of this.#buckets.values()) bucket.close();
    await this.#contender?.stop();
  }

  async #serverHeader(): Promise<string> {
    const client = new S3Client(this.target, 1, { payload: 'unsigned', checksum: 'none', keepAlive: true, insecure: this.#run.insecure });
    this.#asking.add(client);
    try {
      const answer = await client.call({ method: 'HEAD', bucket: this.#run.bucket });
      return answer.headers.server ?? '';
    } catch (error) {
      if (this.#brokenOff) throw error;
      throw new Error(await withWayOut(this.target, (error as Error).message, this.#run.insecure));
    } finally {
      this.#asking.delete(client);
      client.close();
    }
  }
}
