/** A bucket's actor without journal and mailbox: read the rows a command names, decide, make the rows of what was decided. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bucketKind } from '../../engine/bucket/bucket-kind.ts';
import type { PutVersion } from '../../engine/bucket/commands.ts';
import type { BucketState } from '../../engine/bucket/consult.ts';
import { isRejection } from '../../engine/rejection.ts';
import { openClassicStore } from '../../snapshots/classic-store.ts';
import { memoryStore } from '../../snapshots/memory-store.ts';
import type { RowChange, StateStore } from '../../snapshots/state-store.ts';
import type { Micro, MicroSet } from './micro.ts';
import { inlineObject, putCommand, sampleBucket, sampleCaller } from './sample-objects.ts';

/** Keys that are there, so that a store has something to search. */
const keys = 10_000;

export async function openDecideMicros(): Promise<MicroSet> {
  const directory = await mkdtemp(join(tmpdir(), 'liteio-micro-decide-'));
  const classic = await openClassicStore(directory);
  const micros = [...(await decideOver('rows in memory', memoryStore())), ...(await decideOver('rows in LevelDB', classic))];
  const close = async (): Promise<void> => {
    await classic.close();
    await rm(directory, { recursive: true, force: true });
  };
  return { micros, close };
}

async function decideOver(where: string, store: StateStore): Promise<Micro[]> {
  const object = inlineObject();
  await store.write(changesOf(store, { type: 'CreateBucket', locationConstraint: '' }), 1);
  const rows: RowChange[] = [];
  for (let key = 0; key < keys; key += 1) rows.push(...changesOf(store, putCommand(keyOf(key), object)));
  await store.write(rows, 2);
  let next = 0;
  const fresh = (): PutVersion => ({ ...command, key: `new/${next++}` });
  const again = (): PutVersion => ({ ...command, key: keyOf(next++ % keys) });
  const command = putCommand('', object);
  return [
    { group: 'decide', name: `PutObject of a new key, ${where}`, run: () => changesOf(store, fresh()) },
    { group: 'decide', name: `PutObject over an old key, ${where}`, run: () => changesOf(store, again()) },
  ];
}

const keyOf = (number: number): string => `2024/${String(number).padStart(6, '0')}`;

function changesOf(store: StateStore, command: Parameters<typeof bucketKind.consult>[1]): RowChange[] {
  const state = bucketKind.consult(sampleBucket, command, store) as BucketState;
  const decision = bucketKind.decide(state, command, sampleCaller);
  if (isRejection(decision)) throw new Error(`refused: ${decision.rejected}`);
  return decision.events.flatMap((event) => bucketKind.rowsOf(event, store));
}
