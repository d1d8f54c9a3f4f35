/** What every journal must do, as a function of how one is made. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  emptyStream,
  type HeadOf,
  type Journal,
  JournalConflict,
  type JournalRecord,
  JournalUnavailable,
  journalPayloadBytesMax,
  type StreamHead,
} from '../../journal/journal.ts';

/** One store of records; opened, closed and opened again it is the same. */
export interface JournalUnderTest {
  open(headOf: HeadOf): Promise<Journal>;
  /** After the last close. */
  dispose(): Promise<void>;
}

/** Stands in for the state store: the heads as the test saw them acknowledged. */
class Heads {
  readonly #known = new Map<string, StreamHead>();
  readonly of: HeadOf = (stream) => this.#known.get(stream) ?? emptyStream;

  async append(journal: Journal, stream: string, payload: Uint8Array, time = 1_700_000_000_000): Promise<number> {
    const appended = await journal.append({ stream, expected: this.of(stream), time, payload });
    this.#known.set(stream, appended.head);
    return appended.sequence;
  }
}

async function recordsOf(journal: Journal, after = 0): Promise<JournalRecord[]> {
  const records: JournalRecord[] = [];
  for await (const record of journal.read(after))
    records.push({ ...record, payload: Buffer.from(record.payload), hash: Buffer.from(record.hash) });
  return records;
}

export function testJournal(name: string, make: () => Promise<JournalUnderTest>): void {
  const check = (title: string, body: (place: JournalUnderTest, heads: Heads) => Promise<void>): void => {
    test(`${name}: ${title}`, async () => {
      const place = await make();
      try {
        await body(place, new Heads());
      } finally {
        await place.dispose();
      }
    });
  };

  check('an empty journal has no records', async (place, heads) => {
    const journal = await place.open(heads.of);
    assert.equal(journal.lastSequence, 0);
    assert.deepEqual(await recordsOf(journal), []);
    await journal.close();
  });

  check('records come back as they were appended, in order, chained', async (place, heads) => {
    const journal = await place.open(heads.of);
    const streams = ['bucket/photos', 'bucket/Zürich 🚲', 'upload/1'];
    for (let index = 0; index < 30; index++) {
      const sequence = await heads.append(journal, streams[index % 3] as string, Buffer.from(`payload ${index}`), 1000 + index);
      assert.equal(sequence, index + 1);
      assert.equal(journal.lastSequence, index + 1);
    }
    const records = await recordsOf(journal);
    assert.equal(records.length, 30);
    for (const [index, record] of records.entries()) {
      assert.equal(record.sequence, index + 1);
      assert.equal(record.stream, streams[index % 3]);
      assert.equal(record.position, Math.floor(index / 3) + 1);
      assert.equal(record.time, 1000 + index);
      assert.equal(Buffer.from(record.payload).toString(), `payload ${index}`);
      const before = index < 3 ? emptyStream.hash : records[index - 3]?.hash;
      assert.deepEqual(Buffer.from(record.previousHash), Buffer.from(before ?? []));
    }
    assert.deepEqual(records[29]?.hash, Buffer.from(heads.of('upload/1').hash));
    await journal.close();
  });

  check('a read begins after any record', async (place, heads) => {
    const journal = await place.open(heads.of);
    for (let index = 0; index < 20; index++) await heads.append(journal, `bucket/${index % 4}`, Buffer.from([index]));
    for (const after of [0, 1, 7, 19, 20, 25]) {
      const sequences = (await recordsOf(journal, after)).map((record) => record.sequence);
      assert.deepEqual(
        sequences,
        Array.from({ length: Math.max(0, 20 - after) }, (_, index) => after + 1 + index),
        `after ${after}`,
      );
    }
    await journal.close();
  });

  check('a read that is left early leaves nothing behind', async (place, heads) => {
    const journal = await place.open(heads.of);
    for (let index = 0; index < 10; index++) await heads.append(journal, 'bucket/a', Buffer.from([index]));
    for await (const record of journal.read(2)) {
      assert.equal(record.sequence, 3);
      break;
    }
    assert.equal(await heads.append(journal, 'bucket/a', Buffer.from('on')), 11);
    await journal.close();
  });

  check('a read ends with what was durable when it was asked for', async (place, heads) => {
    const journal = await place.open(heads.of);
    for (let index = 0; index < 5; index++) await heads.append(journal, 'bucket/a', Buffer.from([index]));
    const seen: number[] = [];
    for await (const record of journal.read(0)) {
      seen.push(record.sequence);
      await heads.append(journal, 'bucket/a', Buffer.from('more'));
    }
    assert.deepEqual(seen, [1, 2, 3, 4, 5]);
    assert.equal(journal.lastSequence, 10);
    await journal.close();
  });

  check('the writer that another one overtook is refused, and nothing of it is stored', async (place, heads) => {
    const journal = await place.open(heads.of);
    const stale = heads.of('bucket/a');
    await heads.append(journal, 'bucket/a', Buffer.from('one'));
    const entry = { stream: 'bucket/a', time: 1, payload: Buffer.from('late') };
    await assert.rejects(journal.append({ ...entry, expected: stale }), JournalConflict);
    const ahead = { position: 2, hash: heads.of('bucket/a').hash };
    await assert.rejects(journal.append({ ...entry, expected: ahead }), JournalConflict);
    await assert.rejects(journal.append({ ...entry, expected: { position: 3, hash: stale.hash } }), JournalConflict);
    assert.equal(await heads.append(journal, 'bucket/a', Buffer.from('two')), 2);
    assert.deepEqual(
      (await recordsOf(journal)).map((record) => Buffer.from(record.payload).toString()),
      ['one', 'two'],
    );
    await journal.close();
  });

  check('of writers that race for one position exactly one wins', async (place, heads) => {
    const journal = await place.open(heads.of);
    for (let round = 0; round < 10; round++) {
      const stream = `bucket/${round}`;
      const entry = { stream, expected: emptyStream, time: 1 };
      const results = await Promise.allSettled(
        ['left', 'right', 'third'].map((who) => journal.append({ ...entry, payload: Buffer.from(who) })),
      );
      const lost = results.filter((result) => result.status === 'rejected');
      assert.equal(lost.length, 2, `round ${round}`);
      for (const loser of lost) assert.ok(loser.reason instanceof JournalConflict, String(loser.reason));
      const records = await recordsOf(journal, round);
      assert.equal(records.length, 1, `round ${round}`);
      assert.equal(records[0]?.stream, stream);
    }
    await journal.close();
  });

  check('many streams append at once, without gaps', async (place, heads) => {
    const journal = await place.open(heads.of);
    const payload = Buffer.alloc(700, 7);
    const answered: number[] = [];
    const writer = async (stream: string): Promise<void> => {
      for (let index = 0; index < 10; index++) answered.push(await heads.append(journal, stream, payload));
    };
    await Promise.all(Array.from({ length: 40 }, (_, index) => writer(`bucket/${index}`)));
    assert.equal(journal.lastSequence, 400);
    assert.deepEqual(
      answered.sort((left, right) => left - right),
      Array.from({ length: 400 }, (_, index) => index + 1),
    );
    const positions = new Map<string, number>();
    for (const record of await recordsOf(journal)) {
      assert.equal(record.position, (positions.get(record.stream) ?? 0) + 1);
      positions.set(record.stream, record.position);
    }
    assert.equal(positions.size, 40);
    await journal.close();
  });

  check('sequences follow the order of the calls', async (place, heads) => {
    const journal = await place.open(heads.of);
    const appends = Array.from({ length: 50 }, (_, index) =>
      journal.append({ stream: `bucket/${index}`, expected: emptyStream, time: index, payload: Buffer.from([index]) }),
    );
    const sequences = (await Promise.all(appends)).map((appended) => appended.sequence);
    assert.deepEqual(
      sequences,
      Array.from({ length: 50 }, (_, index) => index + 1),
    );
    await journal.close();
  });

  check('opened again it goes on where it stood', async (place, heads) => {
    for (let round = 0; round < 4; round++) {
      const journal = await place.open(heads.of);
      assert.equal(journal.lastSequence, round * 3);
      for (let index = 0; index < 3; index++) await heads.append(journal, `bucket/${index}`, Buffer.from(`${round}.${index}`));
      await journal.close();
    }
    const journal = await place.open(heads.of);
    const payloads = (await recordsOf(journal)).map((record) => Buffer.from(record.payload).toString());
    assert.deepEqual(
      payloads,
      [0, 1, 2, 3].flatMap((round) => [0, 1, 2].map((index) => `${round}.${index}`)),
    );
    await assert.rejects(journal.append({ stream: 'bucket/0', expected: emptyStream, time: 1, payload: Buffer.alloc(1) }), JournalConflict);
    await journal.close();
  });

  check('a released stream goes on from the head that the state store knows', async (place, heads) => {
    const journal = await place.open(heads.of);
    await heads.append(journal, 'bucket/a', Buffer.from('one'));
    journal.release('bucket/a');
    journal.release('bucket/never-seen');
    assert.equal(await heads.append(journal, 'bucket/a', Buffer.from('two')), 2);
    journal.release('bucket/a');
    await assert.rejects(journal.append({ stream: 'bucket/a', expected: emptyStream, time: 1, payload: Buffer.alloc(1) }), JournalConflict);
    await journal.close();
  });

  check('payloads from nothing to the limit, names to the limit, nothing beyond', async (place, heads) => {
    const journal = await place.open(heads.of);
    await heads.append(journal, 'bucket/a', Buffer.alloc(0));
    const largest = Buffer.alloc(journalPayloadBytesMax, 5);
    await heads.append(journal, 'bucket/a', largest);
    const longest = `bucket/${'n'.repeat(1093)}`;
    await heads.append(journal, longest, Buffer.from('x'));
    const outside = { stream: 'bucket/b', expected: emptyStream, time: 1, payload: Buffer.alloc(1) };
    await assert.rejects(journal.append({ ...outside, payload: Buffer.alloc(journalPayloadBytesMax + 1) }), RangeError);
    await assert.rejects(journal.append({ ...outside, stream: `${longest}n` }), RangeError);
    await assert.rejects(journal.append({ ...outside, stream: '' }), RangeError);
    assert.equal(await heads.append(journal, 'bucket/b', Buffer.from('y')), 4);
    const records = await recordsOf(journal);
    assert.deepEqual(
      records.map((record) => record.payload.length),
      [0, journalPayloadBytesMax, 1, 1],
    );
    assert.ok(Buffer.from(records[1]?.payload ?? []).equals(largest));
    assert.equal(records[2]?.stream, longest);
    await journal.close();
  });

  check('the payload is the caller’s again once the append resolved', async (place, heads) => {
    const journal = await place.open(heads.of);
    const payload = Buffer.from('first');
    await heads.append(journal, 'bucket/a', payload);
    payload.write('xxxxx');
    assert.equal(Buffer.from((await recordsOf(journal))[0]?.payload ?? []).toString(), 'first');
    await journal.close();
  });

  check('a closed journal takes nothing', async (place, heads) => {
    const journal = await place.open(heads.of);
    const last = heads.append(journal, 'bucket/a', Buffer.from('in flight'));
    await journal.close();
    assert.equal(await last, 1);
    await assert.rejects(heads.append(journal, 'bucket/a', Buffer.from('late')), JournalUnavailable);
    await journal.close();
    const again = await place.open(heads.of);
    assert.equal(again.lastSequence, 1);
    await again.close();
  });
}
