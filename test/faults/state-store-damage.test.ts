/** Whatever becomes of the state store's files, on all of its places at once: the server starts, all objects are there, and it says what it mended. */
import assert from 'node:assert/strict';
import {
  closeSync,
  cpSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { S3Client } from '../../bench/client/s3-client.ts';
import { seededBytes, temporaryDirectory } from '../support/files.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { type RunningServer, startServer } from '../support/server.ts';

const objects = 300;
const objectBytes = 4096;
const bucket = 'damage';

interface House {
  readonly drives: number;
  /** How the run that left the files ended. */
  readonly end: 'stop' | 'kill';
}

/** Damages one directory of the state store; false: what it would damage isn't there. */
type Damage = (directory: string, random: () => number) => boolean;

const files = (directory: string, pattern: RegExp): string[] =>
  existsSync(directory)
    ? readdirSync(directory)
        .filter((name) => pattern.test(name))
        .map((name) => join(directory, name))
    : [];

/** Changes each file that has bytes. */
function change(pattern: RegExp, by: (bytes: Buffer, random: () => number) => Buffer): Damage {
  return (directory, random) => {
    const found = files(directory, pattern).filter((file) => readFileSync(file).length > 0);
    for (const file of found) {
      const bytes = by(readFileSync(file), random);
      // In place: to cut a file short that is mapped into a process ends that.
      const place = openSync(file, 'r+');
      writeSync(place, bytes, 0, bytes.length, 0);
      closeSync(place);
      truncateSync(file, bytes.length);
    }
    return found.length > 0;
  };
}

/** Within the first `share` of the bytes. */
function flip(bits: number, share = 1) {
  return (bytes: Buffer, random: () => number): Buffer => {
    for (let count = 0; count < bits; count += 1) {
      const at = bits === 1 ? bytes.length >> 1 : Math.floor(random() * share * bytes.length);
      bytes[at] = bytes[at]! ^ (1 << Math.floor(random() * 8));
    }
    return bytes;
  };
}

const zeroPage = (bytes: Buffer): Buffer => bytes.fill(0, (bytes.length >> 13) << 12, ((bytes.length >> 13) << 12) + 4096);
const half = (bytes: Buffer): Buffer => bytes.subarray(0, bytes.length >> 1);

function remove(pattern: RegExp): Damage {
  return (directory) => {
    const found = files(directory, pattern);
    for (const file of found) rmSync(file);
    return found.length > 0;
  };
}

/** MANIFEST without its last whole record. */
const lastRecordGone: Damage = (directory) => {
  for (const file of files(directory, /^MANIFEST/)) {
    const bytes = readFileSync(file);
    let last = 0;
    for (let at = 0; at + 7 <= bytes.length; at += 7 + bytes.readUInt16LE(at + 4)) last = at;
    truncateSync(file, last);
  }
  return true;
};

const damages: Readonly<Record<string, Damage>> = {
  'a bit of the log flipped': change(/\.log$/, flip(1)),
  'a page of the log zeroed': change(/\.log$/, zeroPage),
  'the log cut in half': change(/\.log$/, half),
  '20 bits of each table flipped': change(/\.ldb$/, flip(20)),
  'a page of each table zeroed': change(/\.ldb$/, zeroPage),
  'the tables cut in half': change(/\.ldb$/, half),
  'the tables gone': remove(/\.ldb$/),
  'CURRENT gone': remove(/^CURRENT$/),
  'CURRENT of another kind': change(/^CURRENT$/, () => Buffer.from('MANIFEST-999999\n')),
  'MANIFEST gone': remove(/^MANIFEST/),
  'a bit of MANIFEST flipped': change(/^MANIFEST/, flip(1)),
  'MANIFEST cut in half': change(/^MANIFEST/, half),
  'MANIFEST without its last record': lastRecordGone,
  'a file in place of the directory': (directory) => {
    rmSync(directory, { recursive: true, force: true });
    writeFileSync(directory, 'no directory');
    return true;
  },
  'a link to nowhere in place of the directory': (directory) => {
    rmSync(directory, { recursive: true, force: true });
    symlinkSync(join(directory, 'nowhere'), directory);
    return true;
  },
};

/** Not believed anyway, or an older list of tables that are all there. */
const silent: readonly (Damage | undefined)[] = [
  'a bit of the log flipped',
  'a page of the log zeroed',
  'the log cut in half',
  'a bit of MANIFEST flipped',
  'MANIFEST cut in half',
  'MANIFEST without its last record',
].map((name) => damages[name]);

/**
 * Under a running server. The bodies are nearly all of a table, and come first: one that isn't found any more contradicts its object's
 * head. A head that LevelDB doesn't find any more is known to the scrub alone.
 */
const damagesOfBodies: Readonly<Record<string, Damage>> = {
  '20 bits of bodies flipped': change(/\.ldb$/, flip(20, 0.8)),
  'a page of bodies zeroed': change(/\.ldb$/, zeroPage),
};

for (const house of [
  { drives: 1, end: 'stop' },
  { drives: 6, end: 'kill' },
] as const satisfies readonly House[]) {
  describe(`${house.drives} drives, ended by ${house.end}`, () => {
    const left = temporaryDirectory('state-damage');
    before(() => leaveFiles(left.path, house));
    after(() => left.remove());
    for (const [name, damage] of Object.entries(damages)) {
      test(name, { timeout: 60_000 }, () => damageAndStart(left.path, house, damage));
    }
    for (const [name, damage] of Object.entries(damagesOfBodies)) {
      for (const where of ['the place in use', 'all places']) {
        test(`while it runs, on ${where}: ${name}`, { timeout: 60_000 }, () => damageWhileRunning(left.path, house, damage, where));
      }
    }
  });
}

async function leaveFiles(directory: string, { drives, end }: House): Promise<void> {
  let server = await startServer({ directory, drives });
  await withClient(server, async (client) => {
    await client.must({ method: 'PUT', bucket });
    await putAll(client, 0);
  });
  await server.stop();
  server = await startServer({ directory, drives });
  await withClient(server, (client) => putAll(client, objects));
  await (end === 'stop' ? server.stop() : server.kill());
}

async function damageAndStart(left: string, { drives }: House, damage: Damage): Promise<void> {
  const place = temporaryDirectory('state-damaged');
  try {
    cpSync(left, place.path, { recursive: true });
    const random = seededRandom(8);
    const places = readdirSync(place.path).map((drive) => join(place.path, drive, '.liteio', 'state'));
    const damaged = places.filter((state) => existsSync(state) && damage(state, random));
    const server = await startServer({ directory: place.path, drives });
    try {
      await withClient(server, checkAll);
      const mustSay = damaged.length > 0 && !silent.includes(damage);
      if (mustSay) assert.match(server.output, /state store damaged: removed, to be made anew from the journal/);
    } finally {
      await server.stop();
    }
  } finally {
    place.remove();
  }
}

/** LevelDB may end the process on what it reads: once, and the next start knows better. */
async function damageWhileRunning(left: string, { drives }: House, damage: Damage, where: string): Promise<void> {
  const place = temporaryDirectory('state-damaged');
  let server: RunningServer | undefined;
  try {
    cpSync(left, place.path, { recursive: true });
    server = await startServer({ directory: place.path, drives });
    const primary = /^\s*state +(\S+?)(,|$)/m.exec(server.output)![1]!;
    const places = readdirSync(place.path).map((drive) => join(place.path, drive));
    const random = seededRandom(9);
    for (const drive of places) if (where === 'all places' || drive === primary) damage(join(drive, '.liteio', 'state'), random);
    const first = await withClient(server, checkAll).then(
      () => 'served',
      (error: unknown) => error,
    );
    // A broken connection is seen before the end of the process is.
    if (first !== 'served') await new Promise((resolve) => setTimeout(resolve, 500));
    if (server.exited) {
      server = await startServer({ directory: place.path, drives });
      await withClient(server, checkAll);
    } else if (first !== 'served') throw first;
    await withClient(server, checkAll);
  } finally {
    await server?.stop();
    place.remove();
  }
}

async function withClient(server: RunningServer, use: (client: S3Client) => Promise<void>): Promise<void> {
  const { endpoint, accessKey, secretKey } = server;
  const client = new S3Client({ endpoint, accessKey, secretKey, region: 'us-east-1' }, 16);
  try {
    await use(client);
  } finally {
    client.close();
  }
}

const keyOf = (at: number): string => `object-${String(at).padStart(4, '0')}`;

async function putAll(client: S3Client, from: number): Promise<void> {
  const puts = Array.from({ length: objects }, (_, at) => from + at);
  await Promise.all(puts.map((at) => client.must({ method: 'PUT', bucket, key: keyOf(at), body: seededBytes(objectBytes, at) })));
}

async function checkAll(client: S3Client): Promise<void> {
  const wrong: string[] = [];
  const all = Array.from({ length: 2 * objects }, (_, at) => at);
  await Promise.all(
    all.map(async (at) => {
      const { status, body } = await client.call({ method: 'GET', bucket, key: keyOf(at) });
      if (status !== 200) wrong.push(`${keyOf(at)} ${status}`);
      else if (!Buffer.from(body).equals(seededBytes(objectBytes, at))) wrong.push(`${keyOf(at)} other bytes`);
    }),
  );
  assert.deepEqual(wrong, []);
  const { body } = await client.must({ method: 'GET', bucket, query: { 'list-type': '2' } });
  assert.equal(Buffer.from(body).toString().split('<Contents>').length - 1, all.length, 'listed');
}
