import { ChainCheck } from '../chain-check.ts';
import { type HeadOf, JournalCorrupt, type JournalRecord } from '../journal.ts';
import { decodeRecord } from '../record.ts';
import type { Copies, GroupRun } from './copies.ts';
import type { Extent } from './segment.ts';

export interface LogRange {
  readonly extents: readonly Extent[];
  /** Records with a greater sequence ... */
  readonly after: number;
  /** ... up to and with this one. */
  readonly until: number;
}

/**
 * The records of a range of the log, in order, CRC, sequence and hash chain verified.
 * @throws JournalCorrupt
 * @throws JournalUnavailable
 */
export async function* readRecords(copies: Copies, range: LogRange, headOf: HeadOf): AsyncGenerator<JournalRecord> {
  const chain = new ChainCheck(headOf, range.after === 0);
  let expected = range.after + 1;
  if (expected > range.until) return;
  const first = range.extents.findLastIndex((extent) => extent.firstSequence <= expected);
  for (const extent of range.extents.slice(Math.max(0, first))) {
    for await (const run of copies.groups(extent, 0)) {
      for (const record of recordsOf(run, expected)) {
        if (record.sequence !== expected) throw new JournalCorrupt(`record ${expected} is missing: the next one is ${record.sequence}`);
        chain.check(record);
        yield record;
        if (++expected > range.until) return;
      }
    }
  }
  throw new JournalCorrupt(`record ${expected} is missing: the log should end with ${range.until}`);
}

/** The records of a run from sequence `from` on; those before are not even decoded. */
function* recordsOf({ bytes, groups }: GroupRun, from: number): Generator<JournalRecord> {
  for (const { header, frames } of groups) {
    for (const offset of frames.slice(Math.max(0, from - header.firstSequence))) yield decodeRecord(bytes, offset);
  }
}
