/** An embedded journal on disks in memory with records in it, to be damaged and read again. */
import { openEmbeddedJournal } from '../../journal/embedded/embedded-journal.ts';
import { emptyStream } from '../../journal/journal.ts';
import { type MemoryDisk, memoryDisk } from '../../journal/memory-disk.ts';
import { seededRandom } from './seeded-random.ts';

export interface Filled {
  readonly disks: MemoryDisk[];
  readonly contents: string[];
}

/** Small: a journal of few records has several segments. */
export const segmentBytes = 4000;

export async function filled(mirrors: number, records: number, seed: number): Promise<Filled> {
  const random = seededRandom(seed);
  const disks = Array.from({ length: mirrors }, (_, index) => memoryDisk(`drive${index}`, random));
  const journal = await openEmbeddedJournal({ disks, headOf: () => emptyStream, segmentBytes });
  const contents: string[] = [];
  let expected = emptyStream;
  for (let index = 0; index < records; index++) {
    contents.push(`record ${index} ${'.'.repeat(index * 3)}`);
    expected = (await journal.append({ stream: 'bucket/a', expected, time: index, payload: Buffer.from(contents[index] as string) })).head;
  }
  await journal.close();
  return { disks, contents };
}

/** What the journal on these disks says; whatever its opening throws. */
export async function contentsOf(disks: readonly MemoryDisk[]): Promise<string[]> {
  const journal = await openEmbeddedJournal({ disks, headOf: () => emptyStream, segmentBytes });
  try {
    const contents: string[] = [];
    for await (const { payload } of journal.read(0)) contents.push(Buffer.from(payload).toString());
    return contents;
  } finally {
    await journal.close();
  }
}

/** path -> bytes of every segment of a mirror. */
export async function segments(disk: MemoryDisk): Promise<Record<string, string>> {
  const held: Record<string, string> = {};
  for (const name of (await disk.list('journal')).filter((entry) => entry.endsWith('.log'))) {
    const file = await disk.open(`journal/${name}`, 'read');
    const bytes = Buffer.alloc(await file.size());
    await file.read(bytes, 0);
    held[name] = bytes.toString('base64');
  }
  return held;
}
