/**
 * A store's directory between two runs of LevelDB: all that LevelDB will believe is proved before it opens. LevelDB syncs its tables and
 * MANIFEST before it refers to them, but not its log, whose holes it steps over: the log is removed unread, for the journal is ours. The
 * store is then where its tables are, and the rest is replayed.
 */
import { open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DamagedFile, type LiveTable, liveTables, manifestName } from './leveldb-manifest.ts';
import { proveTable } from './leveldb-table.ts';

/**
 * Beside LevelDB's files while the store is open: whoever finds it at a start knows that the last run did not end well. `unproved`: not
 * all tables were proved in that run; if LevelDB ended the process on one of them, it would again. `damaged`: it is to be made anew.
 */
const markName = 'OPEN';
export type Mark = 'unproved' | 'proved' | 'damaged';

/** Tables proved before an open, the newest first, after a run that ended well ... */
const provedAfterCloseBytesMax = 64 * 1024 * 1024;
/** ... and after one that did not, but had proved them all. What is left is proved behind the open. After any other, all. */
const provedAfterCrashBytesMax = 4 * 1024 * 1024 * 1024;

export interface Prepared {
  /** No store was there. */
  readonly fresh: boolean;
  readonly crashed: boolean;
  readonly tables: number;
  /** Numbers of the tables that were proved, and their bytes. */
  readonly proved: ReadonlySet<number>;
  readonly provedBytes: number;
  readonly allProved: boolean;
}

/**
 * Proves what is there, removes LevelDB's log, sets the mark. Nobody else may have the directory: its drive is locked.
 * @throws DamagedFile none of the store may be believed
 */
export async function prepareDirectory(path: string): Promise<Prepared> {
  const names = await readdir(path);
  const mark = names.includes(markName) ? await readMark(path) : undefined;
  if (mark === 'damaged') throw new DamagedFile('it was found damaged when it was open');
  const fresh = !names.some((name) => /^(CURRENT|MANIFEST-\d+|\d+\.(ldb|sst|log))$/.test(name));
  const tables = fresh ? [] : await readTables(path);
  const limit = mark === undefined ? provedAfterCloseBytesMax : mark === 'proved' ? provedAfterCrashBytesMax : Number.POSITIVE_INFINITY;
  const { proved, provedBytes } = await proveTables(path, tables, limit);
  for (const name of names) if (/^\d+\.log$/.test(name)) await rm(join(path, name));
  const allProved = proved.size === tables.length;
  await setMark(path, allProved ? 'proved' : 'unproved');
  return { fresh, crashed: mark !== undefined, tables: tables.length, proved, provedBytes, allProved };
}

/** @throws DamagedFile */
export async function readTables(path: string): Promise<LiveTable[]> {
  const name = manifestName(await readWhole(join(path, 'CURRENT')));
  return liveTables(await readWhole(join(path, name)));
}

/** @throws DamagedFile */
export async function proveTableIn(path: string, table: LiveTable): Promise<void> {
  const name = tableName(table);
  try {
    proveTable(table, await readWhole(join(path, name)));
  } catch (error) {
    throw error instanceof DamagedFile ? new DamagedFile(`${name}: ${error.message}`) : error;
  }
}

async function proveTables(path: string, tables: readonly LiveTable[], bytesMax: number) {
  const newestFirst = [...tables].sort((one, other) => other.number - one.number);
  const proved = new Set<number>();
  let provedBytes = 0;
  for (const table of newestFirst) {
    if (provedBytes + table.bytes <= bytesMax) {
      await proveTableIn(path, table);
      proved.add(table.number);
      provedBytes += table.bytes;
    } else {
      const { size } = await readable(stat(join(path, tableName(table))), tableName(table));
      if (size !== table.bytes) throw new DamagedFile(`${tableName(table)}: ${size} bytes in place of ${table.bytes}`);
    }
  }
  return { proved, provedBytes };
}

function tableName({ number }: LiveTable): string {
  return `${String(number).padStart(6, '0')}.ldb`;
}

export async function setMark(path: string, mark: Mark): Promise<void> {
  const file = await open(join(path, markName), 'w');
  try {
    await file.writeFile(mark);
    await file.sync();
  } finally {
    await file.close();
  }
  await syncDirectory(path);
}

/** The run ended well. */
export async function clearMark(path: string): Promise<void> {
  await rm(join(path, markName), { force: true });
}

/** Torn, it says that the last run did not end well, and no more. */
async function readMark(path: string): Promise<Mark> {
  const mark = (await readWhole(join(path, markName))).toString();
  return mark === 'proved' || mark === 'damaged' ? mark : 'unproved';
}

/** Not every platform opens a directory. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r').catch(() => undefined);
  if (directory === undefined) return;
  try {
    await directory.sync().catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPERM' && error.code !== 'EINVAL') throw error;
    });
  } finally {
    await directory.close();
  }
}

function readWhole(path: string): Promise<Buffer> {
  return readable(readFile(path), basename(path));
}

/** What is missing or unreadable is the store's damage; all else is the machine's trouble, which may pass. */
async function readable<T>(reading: Promise<T>, name: string): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (['ENOENT', 'EIO', 'EISDIR', 'ENOTDIR', 'ELOOP', 'EUCLEAN', 'EBADMSG'].includes(code)) throw new DamagedFile(`${name}: ${code}`);
    throw error;
  }
}
