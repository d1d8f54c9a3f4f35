/** given events, when a command, then events or a rejection: a decider over rows in a map, no actor and no journal. */
import assert from 'node:assert/strict';
import type { ActorKind, RowView } from '../../engine/actor/decider.ts';
import { bucketKind } from '../../engine/bucket/bucket-kind.ts';
import type { BucketCommand, NewObject } from '../../engine/bucket/commands.ts';
import type { BucketEvent } from '../../engine/bucket/events.ts';
import { isRejection, type RejectionCode, type RejectionFacts } from '../../engine/rejection.ts';
import type { BlobRef } from '../../engine/shards/blob-store.ts';
import type { Caller } from '../../engine/vocabulary.ts';
import { memoryStore } from '../../snapshots/memory-store.ts';
import { rangeRowsMax, type StateStore } from '../../snapshots/state-store.ts';

export const alice: Caller = {
  account: 'alice',
  owner: { id: 'a'.repeat(64), displayName: 'alice' },
  accessKey: 'AKIA',
  requestId: 'r',
  sourceAddress: '127.0.0.1',
  time: 1_700_000_000_000,
};
export const bob: Caller = { ...alice, account: 'bob', owner: { id: 'b'.repeat(64), displayName: 'bob' } };

/** A decider with its rows. Every event goes through its encoding before it is applied, and is decoded to the same. */
export class Given<Command, State, Event, Reply> {
  readonly kind: ActorKind<Command, State, Event, Reply>;
  readonly store: StateStore;
  private position = 0;

  constructor(kind: ActorKind<Command, State, Event, Reply>, store: StateStore = memoryStore()) {
    this.kind = kind;
    this.store = store;
  }

  get rows(): RowView {
    return this.store;
  }

  async apply(events: readonly Event[]): Promise<void> {
    for (const event of events) {
      const encoded = this.kind.encode(event);
      const decoded = this.kind.decode(structuredClone(encoded).map(asBuffers) as unknown[]);
      assert.deepEqual(decoded, event);
      this.position = this.store.position + 1;
      await this.store.write(this.kind.rowsOf(event, this.store), this.position);
    }
  }

  async when(actor: string, command: Command, caller: Caller = alice) {
    const state = await this.kind.consult(actor, command, this.store);
    return this.kind.decide(state, command, caller);
  }

  /** Accepted and applied. */
  async accept(actor: string, command: Command, caller: Caller = alice): Promise<{ events: readonly Event[]; reply: Reply }> {
    const decision = await this.when(actor, command, caller);
    if (isRejection(decision)) assert.fail(`rejected: ${decision.rejected} ${JSON.stringify(decision.facts)}`);
    await this.apply(decision.events);
    return { events: decision.events, reply: decision.reply };
  }

  async refused(actor: string, command: Command, code: RejectionCode, facts: RejectionFacts = {}): Promise<void> {
    const decision = await this.when(actor, command);
    assert.ok(isRejection(decision), `accepted, where ${code} was due`);
    assert.equal(decision.rejected, code);
    for (const [name, value] of Object.entries(facts)) assert.equal(decision.facts[name], value, name);
  }

  async keysOf(table: string): Promise<string[]> {
    const rows = await this.store.range(table, { limit: rangeRowsMax });
    return rows.map((row) => row.key.toString('latin1'));
  }
}

/** What structuredClone makes of a Buffer. */
function asBuffers(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value);
  return Array.isArray(value) ? value.map(asBuffers) : value;
}

export type GivenBucket = Given<BucketCommand, Awaited<ReturnType<typeof bucketKind.consult>>, BucketEvent, unknown>;

export async function givenBucket(name = 'photos', versioning?: 'enabled' | 'suspended'): Promise<GivenBucket> {
  const given = new Given(bucketKind) as unknown as GivenBucket;
  await given.accept(name, { type: 'CreateBucket', locationConstraint: '' });
  if (versioning !== undefined) await given.accept(name, { type: 'PutBucketVersioning', versioning });
  return given;
}

let entropies = 0;
export const nextEntropy = (): string => (++entropies).toString(16).padStart(16, '0');

export function newObject(more: Partial<NewObject> = {}): NewObject {
  return {
    size: 5,
    etag: 'e'.repeat(32),
    checksum: { algorithm: 'CRC32', value: 'NhCmhg==', type: 'FULL_OBJECT' },
    metadata: { headers: {}, user: {} },
    tags: [],
    inline: Buffer.from('hello'),
    refs: [],
    blobs: [],
    manifest: undefined,
    ...more,
  };
}

/** An object whose bytes are in one blob. */
export function blobObject(id: string, more: Partial<NewObject> = {}): NewObject {
  const refs: BlobRef[] = [{ blob: id, offset: 0, length: 9000 }];
  const extents = [{ segment: 1, offset: 4096, length: 9000 }];
  const blob = { id, length: 9000, set: 0, dataShards: 4, parityShards: 2, extents, missed: [3] };
  return newObject({ size: 9000, inline: undefined, refs, blobs: [blob], ...more });
}

export function put(key: string, object: NewObject = newObject(), conditions = {}): BucketCommand {
  return { type: 'PutObject', key, entropy: nextEntropy(), conditions, object };
}

export function remove(key: string, versionId?: string, conditions = {}): BucketCommand {
  return { type: 'DeleteObject', key, versionId, entropy: nextEntropy(), conditions };
}
