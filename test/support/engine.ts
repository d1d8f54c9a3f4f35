/** An engine on parts in memory, and short ways to speak to it. */
import assert from 'node:assert/strict';
import { headOf } from '../../engine/actor/stream-heads.ts';
import type { ExpectedDigests, UploadBody } from '../../engine/body.ts';
import { type Engine, openEngine } from '../../engine/engine.ts';
import type { EngineOptions } from '../../engine/engine-options.ts';
import { isRejection, type Rejection, type RejectionCode, type RejectionFacts } from '../../engine/rejection.ts';
import type { Room } from '../../engine/room.ts';
import type { Caller, PutObject } from '../../engine/vocabulary.ts';
import type { Journal } from '../../journal/journal.ts';
import { type MemoryLog, memoryJournal } from '../../journal/memory-journal.ts';
import { memoryStore } from '../../snapshots/memory-store.ts';
import type { StateStore } from '../../snapshots/state-store.ts';
import { type ManualClock, manualClock } from './manual-clock.ts';
import { type MemoryBlobStore, memoryBlobStore } from './memory-blob-store.ts';
import { seededRandom } from './seeded-random.ts';

export interface TestEngine {
  readonly engine: Engine;
  readonly store: StateStore;
  readonly blobs: MemoryBlobStore;
  readonly clock: ManualClock;
  /** Give it to the next engine to open the same journal again. */
  readonly log: MemoryLog;
  readonly journal: Journal;
  /** What the engine reported. */
  readonly reported: string[];
  /** A caller whose time is the clock's. */
  caller(account?: string): Caller;
}

export interface TestParts {
  readonly log?: MemoryLog;
  readonly store?: StateStore;
  readonly blobs?: MemoryBlobStore;
  readonly clock?: ManualClock;
  readonly options?: Partial<EngineOptions>;
  readonly room?: Room;
  /** Puts another journal over the one in memory. */
  readonly over?: (journal: Journal) => Journal;
}

export async function testEngine(parts: TestParts = {}): Promise<TestEngine> {
  const store = parts.store ?? memoryStore();
  const blobs = parts.blobs ?? memoryBlobStore();
  const log = parts.log ?? { frames: [] };
  const clock = parts.clock ?? manualClock();
  const inner = memoryJournal((stream) => headOf(store, stream), log);
  const journal = parts.over?.(inner) ?? inner;
  const random = seededRandom(7);
  const randomness = { bytes: (count: number) => Buffer.from(Array.from({ length: count }, () => Math.floor(random() * 256))) };
  const reported: string[] = [];
  const options = { inlineBytesMax: 1024, partBytesMin: 1000, reclaimPauseMilliseconds: 0, ...parts.options };
  const engine = await openEngine({
    journal,
    store,
    blobs,
    clock,
    randomness,
    log: (level, message) => void reported.push(`${level}: ${message}`),
    options,
    ...(parts.room && { room: parts.room }),
  });
  let requests = 0;
  const caller = (account = 'owner'): Caller => ({
    account,
    owner: { id: Buffer.from(account).toString('hex').padEnd(64, '0'), displayName: account },
    accessKey: `KEY-${account}`,
    requestId: `request-${++requests}`,
    sourceAddress: '127.0.0.1',
    time: clock.now(),
  });
  return { engine, store, blobs, clock, log, journal, reported, caller };
}

export interface BodyOptions extends ExpectedDigests {
  readonly algorithm?: UploadBody['algorithm'];
  /** Declared length; 'unknown' when there is none. */
  readonly length?: number | 'unknown';
  /** Awaited before the first byte. */
  readonly gate?: Promise<void>;
}

export interface TestBody extends UploadBody {
  cancelled: boolean;
  readonly bytesTaken: number;
}

export function uploadBody(content: Uint8Array | string, options: BodyOptions = {}): TestBody {
  const bytes = Buffer.from(content);
  const { md5, sha256, checksum, gate } = options;
  let taken = 0;
  return {
    length: options.length === 'unknown' ? undefined : (options.length ?? bytes.length),
    algorithm: options.algorithm,
    cancelled: false,
    get bytesTaken() {
      return taken;
    },
    expected: () => ({ ...(md5 && { md5 }), ...(sha256 && { sha256 }), ...(checksum && { checksum }) }),
    async read() {
      await gate;
      if (taken === bytes.length) return null;
      const chunk = bytes.subarray(taken, taken + 64 * 1024);
      taken += chunk.length;
      return chunk;
    },
    cancel() {
      this.cancelled = true;
    },
  };
}

export function putCommand(bucket: string, key: string, content: Uint8Array | string, more: Partial<PutObject> = {}): PutObject {
  return { bucket, key, metadata: { headers: {}, user: {} }, tags: [], conditions: {}, body: uploadBody(content), ...more };
}

/** The answer, or a failed test that shows the rejection. */
export async function accepted<T>(outcome: Promise<T | Rejection>): Promise<T> {
  const answer = await outcome;
  if (isRejection(answer)) assert.fail(`rejected: ${answer.rejected} ${JSON.stringify(answer.facts)}`);
  return answer;
}

export async function rejected(outcome: Promise<unknown>, code: RejectionCode, facts: RejectionFacts = {}): Promise<RejectionFacts> {
  const answer = await outcome;
  assert.ok(isRejection(answer), `accepted, where ${code} was due`);
  assert.equal(answer.rejected, code, JSON.stringify(answer.facts));
  for (const [name, value] of Object.entries(facts)) assert.equal(answer.facts[name], value, `${code}: ${name}`);
  return answer.facts;
}
