/** A drive that hangs keeps its share of the thread pool and no more; late is a drive only where others are on time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ballast } from '../../engine/shards/ballast.ts';
import { Drive, type DriveState } from '../../engine/shards/drive.ts';
import { hangMilliseconds, shareCalls, withCallShare } from '../../engine/shards/drive-calls.ts';
import { type DriveFormat, writeFormat } from '../../engine/shards/drive-format.ts';
import { openDrives } from '../../engine/shards/open-drives.ts';
import { answerMilliseconds, patientDisk } from '../../engine/shards/patient-disk.ts';
import { looksMax, Standstill } from '../../http/system-standstill.ts';
import { afterRunning } from '../../journal/disk.ts';
import { memoryDisk } from '../../journal/memory-disk.ts';
import { type HangingDisk, hangingDisk } from '../support/hanging-disk.ts';
import { manualClock, settled } from '../support/manual-clock.ts';
import { accepted, driveParts, randomness, seeded } from './shards-fixture.ts';

const disk = (name: string): HangingDisk => hangingDisk(memoryDisk(name, seeded(1)));
const outcome = async (work: Promise<unknown>): Promise<string> =>
  Promise.race([
    work.then(
      () => 'done',
      (error: Error) => error.name,
    ),
    settled().then(() => 'under way'),
  ]);

test('however many drives hang, the pool has threads for the others', () => {
  for (const drives of [1, 2, 6, 12, 20])
    for (const threads of [0, 1, 2, 4]) {
      const { mainThread, eachShardThread, poolThreadsWanted } = shareCalls({ poolThreads: 128, drives, threads });
      assert.ok(mainThread >= 1 && eachShardThread >= 1);
      assert.ok(drives * (mainThread + threads * eachShardThread) <= 128 - 24, `${drives} drives, ${threads} threads`);
      assert.equal(poolThreadsWanted, undefined);
    }
  const wanted = shareCalls({ poolThreads: 128, drives: 64, threads: 4 }).poolThreadsWanted;
  assert.equal(wanted, 64 * 5 + 24);
  assert.equal(shareCalls({ poolThreads: wanted, drives: 64, threads: 4 }).poolThreadsWanted, undefined);
});

test('calls beyond the share wait, fail at once when the drive hangs, and pass again when it answers', async () => {
  const clock = manualClock();
  const below = disk('one');
  const shared = withCallShare(below, 2, clock);
  const file = await shared.open('a', 'create');
  below.hangs = true;
  const first = [shared.exists('x'), shared.list('')];
  const waiting = shared.exists('y');
  const closing = file.close();
  assert.equal(await outcome(waiting), 'under way');
  assert.equal(below.underWay, 2);
  waiting.catch(() => undefined);
  closing.catch(() => undefined);
  await clock.advance(hangMilliseconds);
  assert.equal(await outcome(waiting), 'DriveHangs');
  assert.equal(await outcome(closing), 'DriveHangs');
  assert.equal(await outcome(shared.exists('z')), 'DriveHangs', 'at once');
  assert.equal(below.mostUnderWay, 2, 'no call beyond the share was begun');
  for (const call of first) assert.equal(await outcome(call), 'under way', 'what has begun ends when the drive says so');
  below.answer();
  await Promise.all(first);
  await settled();
  assert.equal(below.openFiles, 0, 'the file is closed although nobody waits for it any more');
  assert.equal(await shared.exists('z'), false);
});

test('a drive that is slow and answers hangs not', async () => {
  const clock = manualClock();
  const below = disk('one');
  const shared = withCallShare(below, 1, clock);
  below.hangs = true;
  const calls = Array.from({ length: 4 }, () => shared.exists('x'));
  for (let turn = 0; turn < 4; turn += 1) {
    await clock.advance(hangMilliseconds - 100);
    below.answer();
    below.hangs = true;
    await settled();
  }
  below.answer();
  assert.deepEqual(await Promise.all(calls), [false, false, false, false]);
});

test('patience counts the time in which this process ran: a standstill of any length is one wait of eight', async () => {
  const started: (() => void)[] = [];
  const timer = {
    after: (_: number, task: () => void) => {
      started.push(task);
      return () => undefined;
    },
  };
  let over = false;
  afterRunning(timer, 2_000, () => (over = true));
  for (let waits = 1; waits <= 8; waits += 1) {
    assert.equal(over, false, `after ${waits - 1} waits`);
    started.shift()!();
  }
  assert.equal(over, true);
});

test('a patient disk gives up, and closes a file that opens too late', async () => {
  const clock = manualClock();
  const below = disk('one');
  const patient = patientDisk(below, clock);
  below.hangs = true;
  const opening = patient.open('a', 'create');
  opening.catch(() => undefined);
  await clock.advance(answerMilliseconds);
  assert.equal(await outcome(opening), 'DriveHangs');
  below.answer();
  await settled();
  assert.equal(below.openFiles, 0);
});

const format: DriveFormat = {
  deployment: 'a'.repeat(32),
  drive: '',
  set: 0,
  slot: 0,
  setCount: 1,
  dataShards: 4,
  parityShards: 2,
  names: [[]],
};

async function sixDrives() {
  const clock = manualClock();
  const disks = Array.from({ length: 6 }, (_, slot) => disk(`drive${slot}`));
  const drives: Drive[] = [];
  for (const [slot, each] of disks.entries()) {
    await writeFormat(each, { ...format, drive: 'b'.repeat(32), slot });
    const adopt = () => Promise.reject(new Error('none of these is new'));
    const claim = () => Promise.resolve();
    const parts = { disk: each, ballast: new Ballast(each), format: { ...format, slot }, clock, absent: undefined, blank: false };
    drives.push(new Drive({ ...parts, claim, adopt, others: () => drives }));
  }
  const states = (): DriveState[] => drives.map(({ state }) => state);
  return { clock, disks, drives, states };
}

test('a drive that hangs alone is late within the patience of a probe, and has one probe under way', async () => {
  const { clock, disks, states, drives } = await sixDrives();
  // In small steps: each gives the disks a few turns, and a probe needs more than one.
  const pass = async (milliseconds: number): Promise<void> => {
    for (let passed = 0; passed < milliseconds; passed += 10) await clock.advance(10);
  };
  await pass(1_000);
  disks[2]!.hangs = true;
  await pass(2_600);
  assert.deepEqual(states(), ['online', 'online', 'suspect', 'online', 'online', 'online']);
  assert.deepEqual(
    drives.map(({ late }) => late),
    [false, false, true, false, false, false],
  );
  await clock.advance(60_000);
  assert.deepEqual(states(), ['online', 'online', 'offline', 'online', 'online', 'online']);
  assert.equal(disks[2]!.underWay, 1);
  disks[2]!.answer();
  await clock.advance(1_000);
  assert.equal(states()[2], 'healing', 'it comes back by itself');
  assert.equal(drives[2]!.late, false);
  await Promise.all(drives.map((drive) => drive.close()));
});

test("six drives that are late together are nobody's fault; for good they are lost all the same", async () => {
  const { clock, disks, states, drives } = await sixDrives();
  await clock.advance(1_000);
  for (const each of disks) each.hangs = true;
  await clock.advance(8_000);
  assert.deepEqual(new Set(states()), new Set(['online']));
  for (const each of disks) each.answer();
  await clock.advance(1_000);
  assert.deepEqual(new Set(states()), new Set(['online']));
  for (const each of disks) each.hangs = true;
  await clock.advance(30_000);
  assert.deepEqual(new Set(states()), new Set(['offline']));
  await Promise.all(drives.map((drive) => drive.close()));
});

test('what this process lacks is no trouble of a drive', async () => {
  const { clock, disks, states, drives } = await sixDrives();
  for (const code of ['EMFILE', 'ENFILE', 'ENOMEM']) {
    const open = disks[3]!.open;
    disks[3]!.open = () => Promise.reject(Object.assign(new Error(`${code}: too few`), { code }));
    await clock.advance(10_000);
    drives[3]!.trouble(Object.assign(new Error(code), { code }));
    assert.equal(states()[3], 'online', code);
    disks[3]!.open = open;
  }
  drives[3]!.trouble(Object.assign(new Error('EIO'), { code: 'EIO' }));
  assert.equal(states()[3], 'suspect');
  await Promise.all(drives.map((drive) => drive.close()));
});

test('a start with a drive that hangs goes on without it; with too many it is refused, both in bounded time', async () => {
  const clock = manualClock();
  const disks = Array.from({ length: 6 }, (_, slot) => disk(`drive${slot}`));
  const parts = { ...driveParts(disks), clock, randomness };
  await accepted(await openDrives(parts)).close();
  disks[4]!.hangs = true;
  const opening = openDrives(parts);
  await clock.advance(answerMilliseconds);
  const drives = accepted(await opening);
  assert.deepEqual(drives.notices, ['drive4 is offline: drive4 does not answer']);
  const [closing] = await Promise.all([drives.close(), clock.advance(2_000)]);
  assert.equal(closing, undefined);
  disks[1]!.hangs = disks[2]!.hangs = true;
  const refusing = openDrives(parts);
  await clock.advance(answerMilliseconds);
  const refused = await refusing;
  assert.deepEqual(refused, { refused: '3 of the 4 drives that set 0 needs are there: look after drive1, drive2, drive4' });
});

test('a main thread that waits for a drive stands still; one that is busy, or moves, does not', () => {
  type Seen = (look: number) => { beat: number; state: string | undefined };
  const endedAt = (seen: Seen): number | undefined => {
    const standstill = new Standstill();
    return Array.from({ length: 100 }, (_, at) => at + 1).find((look) => {
      const { beat, state } = seen(look);
      return standstill.look(beat, state);
    });
  };
  assert.equal(
    endedAt(() => ({ beat: 7, state: 'D' })),
    looksMax + 1,
  );
  const alive: Seen[] = [
    () => ({ beat: 7, state: 'R' }),
    () => ({ beat: 7, state: undefined }),
    (look) => ({ beat: look, state: 'D' }),
    (look) => ({ beat: Math.floor(look / looksMax), state: 'D' }),
    (look) => ({ beat: 7, state: look % looksMax === 0 ? 'S' : 'D' }),
  ];
  for (const seen of alive) assert.equal(endedAt(seen), undefined);
});
