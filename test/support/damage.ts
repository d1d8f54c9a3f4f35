/** Damage to the files under a drive: bytes flipped, zeroed, cut off, doubled; files removed, exchanged, copied under another name. All of it from a seed. */
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { seededBytes } from './files.ts';

/** What lies under a drive, by what it is. */
export const fileKinds = {
  'state log': /^\.liteio\/state\/\d+\.log$/,
  'state table': /^\.liteio\/state\/\d+\.ldb$/,
  MANIFEST: /^\.liteio\/state\/MANIFEST-\d+$/,
  CURRENT: /^\.liteio\/state\/CURRENT$/,
  'other state': /^\.liteio\/state\//,
  format: /^(\.liteio|segments)\/format\.json$/,
  lock: /^\.liteio\/[\w-]*lock[\w-]*$/,
  'journal-kind': /^\.liteio\/journal-kind$/,
  'other mark': /^\.liteio\//,
  epoch: /^journal\/epoch$/,
  journal: /^journal\/\d+\.log$/,
  'other journal': /^journal\//,
  blobs: /^segments\/\d+\/\d+\.seg$/,
  other: /^/,
} as const;
export type FileKind = keyof typeof fileKinds;

export const ways = [
  'flip',
  'zero',
  'cut',
  'empty',
  'double',
  'garble',
  'remove',
  'rename',
  'copy',
  'from other drive',
  'swap files',
] as const;
export type Way = (typeof ways)[number];

export interface Damage {
  readonly way: Way;
  readonly kind: FileKind;
  /** Absolute; the first one is the file that was chosen. */
  readonly paths: readonly string[];
  readonly detail: string;
}

export function kindOf(path: string): FileKind {
  return (Object.keys(fileKinds) as FileKind[]).find((kind) => fileKinds[kind].test(path)) ?? 'other';
}

/** Absolute paths of all files under a drive, by kind. */
export function filesByKind(drive: string): Map<FileKind, string[]> {
  const found = new Map<FileKind, string[]>();
  for (const name of (readdirSync(drive, { recursive: true, encoding: 'utf8' }) as string[]).sort()) {
    const path = join(drive, name);
    if (!statSync(path).isFile()) continue;
    const kind = kindOf(relative(drive, path));
    found.set(kind, [...(found.get(kind) ?? []), path]);
  }
  return found;
}

export interface DamageOptions {
  /** Those that may be damaged. */
  readonly drives: readonly string[];
  readonly kinds: readonly FileKind[];
  /** Bytes change in the file that a process may have open; else in a new one of that name, so that links to the old one stay whole. */
  readonly inPlace: boolean;
}

/** Damages one file of one of the drives in one way. */
export function damageOne({ drives, kinds, inPlace }: DamageOptions, random: () => number): Damage {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const drive = pick(drives);
  const files = filesByKind(drive);
  const kind = pick([...files.keys()].filter((each) => kinds.includes(each)));
  const path = pick(files.get(kind) as string[]);
  const way = pick(ways);
  const other = otherOf({ way, path, drive, drives, all: [...files.values()].flat() }, random);
  const detail = damageFile(way, { path, other, inPlace }, random);
  return { way, kind, paths: other === undefined ? [path] : [path, other], detail };
}

interface Choice {
  readonly way: Way;
  readonly path: string;
  readonly drive: string;
  readonly drives: readonly string[];
  readonly all: readonly string[];
}

/** The second file, where the way needs one. */
function otherOf({ way, path, drive, drives, all }: Choice, random: () => number): string | undefined {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  if (way === 'from other drive') {
    const twins = drives.filter((each) => each !== drive).map((each) => join(each, relative(drive, path)));
    const there = twins.filter((twin) => statSync(twin, { throwIfNoEntry: false })?.isFile());
    return there.length > 0 ? pick(there) : undefined;
  }
  if (way === 'rename' || way === 'copy') return join(dirname(path), laterName(basename(path), 1 + Math.floor(random() * 40)));
  if (way !== 'swap files') return undefined;
  const near = all.filter((each) => each !== path && dirname(each) === dirname(path));
  const others = near.length > 0 && random() < 0.7 ? near : all.filter((each) => each !== path);
  return pick(others);
}

/** A name as the store itself could give: the number in it raised, or else with an ending. */
function laterName(name: string, by: number): string {
  const digits = /\d+/.exec(name)?.[0];
  return digits === undefined ? `${name}.${by}` : name.replace(digits, String(Number(digits) + by).padStart(digits.length, '0'));
}

interface Target {
  readonly path: string;
  readonly other: string | undefined;
  readonly inPlace: boolean;
}

function damageFile(way: Way, { path, other, inPlace }: Target, random: () => number): string {
  const bytes = readFileSync(path);
  const below = (limit: number): number => Math.floor(random() * Math.max(1, limit));
  const put = (at: string, content: Uint8Array): void => {
    if (!inPlace) rmSync(at, { force: true });
    writeFileSync(at, content, { flag: inPlace && existsSync(at) ? 'r+' : 'w' });
    truncateSync(at, content.length);
  };
  switch (way) {
    case 'flip':
      return flip(path, { bytes, put }, random);
    case 'zero': {
      const from = below(bytes.length / 4096 + 1) * 4096;
      const damaged = Buffer.from(bytes);
      put(path, damaged.fill(0, Math.min(from, bytes.length), Math.min(from + 4096, bytes.length)));
      return `4 KiB at ${from}`;
    }
    case 'garble': {
      const from = below(bytes.length);
      const damaged = Buffer.from(bytes);
      damaged.set(seededBytes(Math.min(512, bytes.length - from), below(1e9)), from);
      put(path, damaged);
      return `512 bytes at ${from}`;
    }
    case 'cut': {
      const left = random() < 0.5 ? below(bytes.length) : Math.max(0, bytes.length - 1 - below(200));
      put(path, bytes.subarray(0, left));
      return `${bytes.length} to ${left} bytes`;
    }
    case 'empty':
      put(path, Buffer.alloc(0));
      return `${bytes.length} bytes`;
    case 'double': {
      const from = random() < 0.5 ? 0 : below(bytes.length);
      put(path, bytes);
      appendFileSync(path, bytes.subarray(from));
      return `bytes from ${from} again at the end of ${bytes.length}`;
    }
    case 'remove':
      rmSync(path);
      return `${bytes.length} bytes`;
    default:
      return exchange(way, { path, other }, put);
  }
}

type Put = (at: string, content: Uint8Array) => void;

function flip(path: string, { bytes, put }: { bytes: Buffer; put: Put }, random: () => number): string {
  const damaged = Buffer.from(bytes);
  const places = Array.from({ length: 1 + Math.floor(random() * 5) }, () => Math.floor(random() * bytes.length));
  for (const place of places) if (bytes.length > 0) damaged[place]! ^= 1 << Math.floor(random() * 8);
  put(path, damaged);
  return `bits of bytes ${places.join(', ')} of ${bytes.length}`;
}

function exchange(way: Way, { path, other }: { path: string; other: string | undefined }, put: Put): string {
  const bytes = readFileSync(path);
  if (other === undefined) {
    put(path, Buffer.alloc(0));
    return 'no second file: emptied';
  }
  if (way === 'copy') {
    if (statSync(other, { throwIfNoEntry: false }) !== undefined) rmSync(other);
    copyFileSync(path, other);
  } else if (way === 'rename') {
    put(other, bytes);
    rmSync(path);
  } else {
    const otherBytes = readFileSync(other);
    put(path, otherBytes);
    put(other, bytes);
  }
  return `with ${other}`;
}
