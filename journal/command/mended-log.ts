/** A new log beside the old one, on every mirror at once: written, synced, read back, and only then put in its place. */
import { createHash } from 'node:crypto';
import type { Disk, DiskFile } from '../disk.ts';
import { extended, type LogEnd, placeGroup } from '../embedded/group-commit.ts';
import { epochText } from '../embedded/log.ts';
import { journalDirectory, segmentPath, withFile } from '../embedded/segment.ts';

/** What is not yet in its place. */
export const mendedDirectory = 'journal.mended';
/** On a mirror whose new log, as that of all others, is whole: it only has to be put in its place. */
export const readyPath = `${mendedDirectory}/ready`;
/** What the journal was before: a directory for each time. */
const setAsideDirectory = 'journal.set-aside';
/** Bytes of one group. */
const groupBytesMax = 1024 * 1024;
const segmentBytes = 16 * 1024 * 1024;
const pieceBytes = 1024 * 1024;

export class MendedLog {
  readonly #disks: readonly Disk[];
  #files: DiskFile[] = [];
  #log: LogEnd;
  #sequence = 1;
  #frames: Buffer[] = [];
  #frameBytes = 0;
  /** Of each segment. */
  readonly #digests: { readonly path: string; readonly hash: ReturnType<typeof createHash> }[] = [];

  constructor(disks: readonly Disk[], epoch: number) {
    this.#disks = disks;
    this.#log = { index: 0, epoch, settled: 0, extents: [] };
  }

  /** A log begins with a marker, a group without records. */
  async begin(): Promise<void> {
    for (const disk of this.#disks) {
      await disk.removeTree(mendedDirectory);
      await disk.makeDirectory(mendedDirectory);
    }
    await this.#write([]);
  }

  /** Takes the frames in the order of their sequences, from 1 on. */
  async add(frame: Buffer): Promise<void> {
    this.#frames.push(frame);
    this.#frameBytes += frame.length;
    if (this.#frameBytes >= groupBytesMax) await this.#flush();
  }

  /** All is on the medium, and reads back as it was written. */
  async finish(): Promise<void> {
    await this.#flush();
    await this.#closeFiles();
    const sums = this.#digests.map(({ path, hash }) => ({ path, sum: hash.digest('hex') }));
    await Promise.all(
      this.#disks.map(async (disk) => {
        await writeSynced(disk, `${mendedDirectory}/epoch`, epochText(this.#log.epoch, this.#sequence - 1));
        await disk.syncDirectory(mendedDirectory);
        await disk.syncDirectory('');
        for (const { path, sum } of sums) {
          if ((await digestOf(disk, path)) !== sum) throw new Error(`${disk.name}/${path} does not read back as it was written`);
        }
      }),
    );
  }

  async abandon(): Promise<void> {
    await this.#closeFiles().catch(() => undefined);
    for (const disk of this.#disks) await disk.removeTree(mendedDirectory).catch(() => undefined);
  }

  async #flush(): Promise<void> {
    const frames = this.#frames;
    this.#frames = [];
    this.#frameBytes = 0;
    if (frames.length > 0) await this.#write(frames);
  }

  async #write(frames: readonly Buffer[]): Promise<void> {
    const group = placeGroup(frames, this.#sequence, this.#log, segmentBytes);
    if (group.offset === 0) await this.#beginSegment(segmentPath(group.segment).replace(journalDirectory, mendedDirectory));
    for (const chunk of group.chunks) this.#digests.at(-1)!.hash.update(chunk);
    await Promise.all(this.#files.map((file) => file.write(group.chunks, group.offset)));
    this.#sequence += frames.length;
    this.#log = { ...this.#log, index: group.index, settled: group.index, extents: extended(this.#log.extents, group) };
  }

  async #beginSegment(path: string): Promise<void> {
    await this.#closeFiles();
    for (const disk of this.#disks) this.#files.push(await disk.open(path, 'create'));
    this.#digests.push({ path, hash: createHash('sha256') });
  }

  async #closeFiles(): Promise<void> {
    const files = this.#files;
    this.#files = [];
    for (const file of files) {
      try {
        await file.sync();
      } finally {
        await file.close();
      }
    }
  }
}

/** Says, on every mirror, that the new log is whole: from here on it is put in its place, also after an interruption. */
export async function declareReady(disks: readonly Disk[]): Promise<void> {
  for (const disk of disks) {
    await writeSynced(disk, readyPath, 'whole on every mirror\n');
    await disk.syncDirectory(mendedDirectory);
  }
}

/** Puts the new log in its place and the old one aside, on those mirrors where that was not done yet. Answers where the old ones lie. */
export async function putInPlace(disks: readonly Disk[]): Promise<string[]> {
  const aside: string[] = [];
  for (const disk of disks) {
    if (!(await disk.exists(mendedDirectory))) continue;
    if (await disk.exists(journalDirectory)) {
      await disk.makeDirectory(setAsideDirectory);
      const place = `${setAsideDirectory}/${(await disk.list(setAsideDirectory)).length + 1}`;
      await disk.rename(journalDirectory, place);
      await disk.syncDirectory(setAsideDirectory);
      aside.push(`${disk.name}/${place}`);
    }
    await disk.rename(mendedDirectory, journalDirectory);
    await disk.syncDirectory('');
    await disk.remove(readyPath.replace(mendedDirectory, journalDirectory));
  }
  return aside;
}

/** What a start says where a mend was interrupted; undefined where none was. */
export async function interruptedMend(disks: readonly Disk[]): Promise<string | undefined> {
  for (const disk of disks) {
    if (await disk.exists(readyPath).catch(() => false))
      return `${disk.name}/${mendedDirectory} waits to be put in its place: run \`liteio journal mend\` again`;
  }
  return undefined;
}

async function writeSynced(disk: Disk, path: string, text: string): Promise<void> {
  await withFile(disk, path, 'create', async (file) => {
    await file.write([Buffer.from(text, 'latin1')], 0);
    await file.sync();
  });
}

async function digestOf(disk: Disk, path: string): Promise<string> {
  const hash = createHash('sha256');
  await withFile(disk, path, 'read', async (file) => {
    const piece = Buffer.allocUnsafeSlow(pieceBytes);
    let at = 0;
    for (let count = await file.read(piece, at); count > 0; count = await file.read(piece, at)) {
      hash.update(piece.subarray(0, count));
      at += count;
    }
  });
  return hash.digest('hex');
}
