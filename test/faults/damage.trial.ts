/**
 * Files of every kind under 1, 4 and 6 drives are damaged, on one drive and on as many as parity covers, before a start and under a running
 * server. Whatever was acknowledged is answered with its bytes, or refused in clear words with nothing lost: with the damage undone, or where
 * parity covers it without, all of it is there.
 *
 * TRIAL_DAMAGE_CASES damaged files (2000); a round damages one to four. TRIAL_SEED=n TRIAL_DAMAGE_CASES=1 runs the round with seed n alone.
 */
import assert from 'node:assert/strict';
import { copyFileSync, cpSync, linkSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { S3Client } from '../../bench/client/s3-client.ts';
import { type Damage, damageOne, type FileKind, fileKinds } from '../support/damage.ts';
import { seededBytes, temporaryDirectory, treeDigest } from '../support/files.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { type RunningServer, startServer } from '../support/server.ts';
import { inlineBytesMax, StoredObjects } from '../support/stored-objects.ts';

const cases = Number(process.env.TRIAL_DAMAGE_CASES ?? 2000);
const firstSeed = Number(process.env.TRIAL_SEED ?? 1);
/** Only these kinds of files, by a part of their names; all when not given. */
const only = process.env.TRIAL_DAMAGE_KINDS?.split(',');
const roundsAtOnce = 2;
/** What parity covers must be served again after this. */
const mendMillisecondsMax = 20_000;
/** A process that an assertion of a library ended is started again, as a supervisor would. */
const startsMax = 3;
/** Files above this size are linked, not copied; damage makes a file of its own first. */
const linkBytesMin = 1024 * 1024;
const kinds = (Object.keys(fileKinds) as FileKind[]).filter((kind) => only?.some((part) => kind.includes(part)) ?? true);

/** `share`: of the rounds, with those before. */
const stages = [
  { drives: 1, closedSegments: false, share: 0.25 },
  { drives: 4, closedSegments: false, share: 0.52 },
  { drives: 6, closedSegments: false, share: 0.92 },
  { drives: 6, closedSegments: true, share: 1 },
];

interface Prepared {
  readonly drives: number;
  readonly directory: string;
  readonly objects: StoredObjects;
  /** path -> SHA-256: what rounds share must not change. */
  readonly digest: Record<string, string>;
}

interface Round {
  readonly seed: number;
  readonly prepared: Prepared;
  readonly directory: string;
  readonly random: () => number;
  /** Drives that may be damaged. */
  readonly victims: readonly string[];
  readonly damages: Damage[];
  /** Parity covers what happens to the victims. */
  readonly covered: boolean;
}

const args = ['--inline-limit', String(inlineBytesMax), '--log-level', 'warn'];

async function prepare(drives: number, directory: string, closedSegments: boolean): Promise<Prepared> {
  const objects = new StoredObjects(closedSegments);
  for (const part of ['first', 'second'] as const) {
    const server = await startServer({ directory, drives, args });
    const client = clientOf(server);
    await objects.fill(client, part);
    assert.deepEqual(await objects.ask(client), { lies: [], refusals: [] });
    client.close();
    await server.stop();
  }
  return { drives, directory, objects, digest: treeDigest(directory) };
}

function clientOf({ endpoint, accessKey, secretKey }: RunningServer): S3Client {
  return new S3Client({ endpoint, accessKey, secretKey, region: 'us-east-1' }, 8);
}

/** A copy in which large files that are closed are links: nothing writes to them but to mend them. LevelDB writes over files it doesn't know. */
function copyDrives(from: string, to: string, links: boolean): void {
  mkdirSync(to);
  const journals = new Map<string, string>();
  for (const name of (readdirSync(from, { recursive: true, encoding: 'utf8' }) as string[]).sort()) {
    const path = join(from, name);
    const stats = statSync(path);
    if (stats.isDirectory()) mkdirSync(join(to, name), { recursive: true });
    else {
      if (dirname(name).endsWith('journal')) journals.set(dirname(name), name);
      mkdirSync(dirname(join(to, name)), { recursive: true });
      if (links && stats.size >= linkBytesMin && !name.includes('/state/')) linkSync(path, join(to, name));
      else copyFileSync(path, join(to, name));
    }
  }
  // The last segment of the journal is written on.
  for (const [directory] of journals) {
    const last = readdirSync(join(from, directory))
      .filter((name) => name.endsWith('.log'))
      .sort()
      .at(-1);
    if (last === undefined) continue;
    rmSync(join(to, directory, last));
    copyFileSync(join(from, directory, last), join(to, directory, last));
  }
}

/** Starts it, again when it died of an assertion; the sentence with which it refuses otherwise. */
async function startOf({ directory, prepared }: Round): Promise<RunningServer | { readonly refused: string }> {
  let said = '';
  for (let starts = 0; starts < startsMax; starts += 1) {
    try {
      return await startServer({ directory, drives: prepared.drives, args });
    } catch (error) {
      said = (error as Error).message;
      const sentence = /^liteio: \S.{30,}$/m.exec(said);
      if (sentence && !/^\s+at /m.test(said)) return { refused: sentence[0] };
    }
  }
  return { refused: `DIED: ${said}` };
}

/** Asks until there are no refusals, or it has had its time. */
async function mendedFindings(round: Round, server: RunningServer): Promise<{ lies: string[]; refusals: string[] }> {
  const client = clientOf(server);
  const begun = performance.now();
  try {
    for (;;) {
      const findings = await round.prepared.objects.ask(client);
      const late = performance.now() - begun > mendMillisecondsMax;
      if (findings.lies.length > 0 || findings.refusals.length === 0 || late || server.exited || !round.covered) return findings;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  } finally {
    client.close();
  }
}

/** Damage under a running server: it lies about nothing, may refuse or die, and takes what it can. */
async function whileRunning(round: Round, count: number): Promise<string[]> {
  const server = await startOf(round);
  if ('refused' in server) return [`undamaged drives refused: ${server.refused}`];
  const client = clientOf(server);
  damage(round, count, true);
  const { lies } = await round.prepared.objects.ask(client);
  const body = seededBytes(round.random() < 0.5 ? 3000 : 400_000, round.seed);
  const put = await client.call({ method: 'PUT', bucket: 'kept', key: `later/${round.seed}`, body }).catch(() => undefined);
  if (put?.status === 200) {
    const got = await client.call({ method: 'GET', bucket: 'kept', key: `later/${round.seed}` }).catch(() => undefined);
    if (got?.status === 404 || (got?.status === 200 && !got.body.equals(body))) lies.push(`GET later/${round.seed}: ${got.status}`);
  } else if (put !== undefined && put.status < 500) lies.push(`PUT: ${put.status} ${put.body}`);
  client.close();
  if (round.random() < 0.5) await server.kill();
  else await server.stop().catch(() => undefined);
  return lies;
}

function damage(round: Round, count: number, inPlace: boolean): void {
  for (let done = 0; done < count; done += 1) {
    round.damages.push(damageOne({ drives: round.victims, kinds, inPlace }, round.random));
  }
}

/** Whether what was damaged may keep a start from serving: nothing else holds what it held. */
function mayRefuse({ prepared, victims, damages }: Round): boolean {
  if (prepared.drives === 1) return damages.some(({ paths }) => paths.some((path) => !path.includes('/.liteio/state/')));
  // Of four drives' journals three have to be there, of 2+2.
  return prepared.drives === 4 && victims.length === 2;
}

async function runRound(round: Round, count: number, running: boolean): Promise<string[]> {
  const lies: string[] = [];
  if (running) lies.push(...(await whileRunning(round, count)));
  else damage(round, count, false);
  const server = await startOf(round);
  if ('refused' in server) {
    if (server.refused.startsWith('DIED') || !mayRefuse(round)) lies.push(`refused: ${server.refused}`);
    // What a running server wrote since can't be put back by copying.
    else if (!running) lies.push(...(await afterUndoing(round)));
    return lies;
  }
  const found = await mendedFindings(round, server);
  lies.push(...found.lies);
  const lost = round.prepared.drives === 1 && round.damages.some(({ paths }) => paths.some((path) => path.includes('/segments/')));
  if (found.refusals.length > 0 && !lost) lies.push(`still refused: ${found.refusals.slice(0, 3).join('; ')} (${found.refusals.length})`);
  if (server.exited) lies.push(`it died: ${server.output.slice(-600)}`);
  await server.stop().catch((error: Error) => lies.push(`stop: ${error.message.slice(0, 300)}`));
  if (lost && !running && lies.length === 0) lies.push(...(await afterUndoing(round)));
  return lies;
}

/** With the files as they were before the damage everything has to be there. */
async function afterUndoing(round: Round): Promise<string[]> {
  for (const path of new Set(round.damages.flatMap(({ paths }) => paths))) {
    const whole = join(round.prepared.directory, relative(round.directory, path));
    rmSync(path, { force: true, recursive: true });
    if (statSync(whole, { throwIfNoEntry: false })?.isFile()) cpSync(whole, path);
  }
  const server = await startOf(round);
  if ('refused' in server) return [`refused with the damage undone: ${server.refused}`];
  const { lies, refusals } = await mendedFindings({ ...round, covered: true }, server);
  await server.stop();
  return [...lies, ...refusals].map((lie) => `with the damage undone: ${lie}`);
}

function describe({ seed, prepared, directory, victims, damages }: Round, running: boolean): string {
  const list = damages.map(({ way, kind, paths, detail }) => `${way} ${kind} ${relative(directory, paths[0] ?? '')} (${detail})`);
  const when = running ? 'running' : 'stopped';
  return `seed ${seed}, ${prepared.drives} drives, ${when}, victims ${victims.map((each) => basename(each))}: ${list.join(' + ').replaceAll(directory, '')}`;
}

test(`${cases} damaged files of every kind: right bytes or a clear refusal, and nothing lost`, { timeout: 7_200_000 }, async () => {
  const work = temporaryDirectory('damage');
  const failures: string[] = [];
  const counts = new Map<string, number>();
  let done = 0;
  let rounds = 0;
  try {
    const prepared: Prepared[] = [];
    for (const [place, { drives, closedSegments }] of stages.entries()) {
      prepared.push(await prepare(drives, join(work.path, `prepared${place}`), closedSegments));
    }
    const begun = performance.now();
    const worker = async (): Promise<void> => {
      while (done < cases) {
        const seed = firstSeed + rounds++;
        const random = seededRandom(seed * 7919);
        const draw = random();
        const chosen = prepared[stages.findIndex(({ share }) => draw < share)] as Prepared;
        const directory = join(work.path, `round${seed}`);
        const parity = chosen.drives === 1 ? 0 : 2;
        const places = Array.from({ length: chosen.drives }, (_, index) => join(directory, `drive${index + 1}`));
        const shuffled = places.map((path) => ({ path, order: random() })).sort((one, other) => one.order - other.order);
        const victims = shuffled.slice(0, parity === 0 || random() < 0.5 ? 1 : parity).map(({ path }) => path);
        const running = random() < 0.3;
        const count = random() < 0.5 ? 1 : 1 + Math.floor(random() * 4);
        done += count;
        copyDrives(chosen.directory, directory, !running);
        const round: Round = { seed, prepared: chosen, directory, random, victims, damages: [], covered: parity > 0 };
        const lies = await runRound(round, count, running).catch((error: Error) => [`the trial failed: ${error.stack}`]);
        for (const { kind, way } of round.damages) {
          for (const name of [kind, way, running ? 'running' : 'stopped', `${chosen.drives} drives`])
            counts.set(name, (counts.get(name) ?? 0) + 1);
        }
        if (lies.length > 0) {
          failures.push(`${describe(round, running)}\n    ${lies.slice(0, 4).join('\n    ').slice(0, 1500)}`);
          console.error(`FAILED ${failures.at(-1)}`);
        }
        rmSync(directory, { recursive: true, force: true });
      }
    };
    await Promise.all(Array.from({ length: roundsAtOnce }, worker));
    const seconds = (performance.now() - begun) / 1000;
    const tally = [...counts].map(([name, count]) => `${name} ${count}`).join(', ');
    console.log(`damage: ${done} damaged files in ${rounds} rounds, ${seconds.toFixed(0)} s, ${failures.length} failed rounds: ${tally}`);
    for (const { directory, digest } of prepared) assert.deepEqual(treeDigest(directory), digest, 'what the rounds share was changed');
  } finally {
    work.remove();
  }
  assert.deepEqual(failures, []);
  if (cases >= 500 && only === undefined)
    for (const kind of kinds) if (!kind.startsWith('other')) assert.ok(counts.has(kind), `${kind} was damaged`);
});
