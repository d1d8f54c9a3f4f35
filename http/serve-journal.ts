/** Which journal this start is served with, and what keeps it from being another one than the one the drives were written with. */
import { join } from 'node:path';
import type { Log } from '../engine/log.ts';
import { segmentDirectory, segmentNumber } from '../engine/shards/block.ts';
import { markDirectory, readSmallFile, writeSmallFile } from '../engine/shards/drive-format.ts';
import type { Drives } from '../engine/shards/open-drives.ts';
import { patientDisk } from '../engine/shards/patient-disk.ts';
import { interruptedMend } from '../journal/command/mended-log.ts';
import { type EmbeddedJournal, openEmbeddedJournal } from '../journal/embedded/embedded-journal.ts';
import type { MirrorReport } from '../journal/embedded/mirror-set.ts';
import type { Acknowledged } from '../journal/embedded/recovery.ts';
import { journalDirectory, segmentOfName, withFile } from '../journal/embedded/segment.ts';
import type { HeadOf, Journal } from '../journal/journal.ts';
import { readGivenFile, type ServerConfig, StartRefused } from './config.ts';
import type { Followers } from './serve-drives.ts';
import { systemClock } from './system-clock.ts';
import { systemRandomness } from './system-randomness.ts';

/** On every drive of the first set: which kind of journal this deployment is written with. */
const journalKindPath = `${markDirectory}/journal-kind`;
const natsDirectory = `${markDirectory}/nats`;

/** What was opened, to be closed in reverse. */
export type Closers = (() => Promise<void>)[];

export interface OpenedJournal {
  readonly journal: Journal;
  /** The embedded journal has copies on drives, which come and go. */
  readonly mirrors: EmbeddedJournal | undefined;
  readonly description: string;
}

interface JournalNeeds {
  readonly headOf: HeadOf;
  readonly acknowledged: (found: number) => Promise<Acknowledged>;
  readonly log: Log;
  /** Another server has the drives. */
  readonly lost: (sentence: string) => void;
  readonly below: Closers;
  /** Told of the journal before it is open: a drive may be lost meanwhile. */
  readonly followers: Followers;
}

export async function openJournal(
  config: ServerConfig,
  drives: Drives,
  { headOf, acknowledged, log, lost, below, followers }: JournalNeeds,
): Promise<OpenedJournal> {
  const choice = config.journal;
  const first = drives.sets[0] ?? [];
  if (choice.kind === 'embedded') {
    const disks = first.slice(0, 2 * drives.layout.parityShards + 1).map((drive) => drive.disk);
    const report = ({ disk, what, reason }: MirrorReport): void =>
      log(what === 'detached' ? 'warn' : 'info', `journal mirror ${what}`, { drive: disk, reason });
    const there = first.slice(0, disks.length).filter(({ readable }) => readable);
    const interrupted = await interruptedMend(there.map(({ disk }) => patientDisk(disk, systemClock)));
    if (interrupted !== undefined) throw new StartRefused(interrupted);
    const began = (journal: EmbeddedJournal): void => {
      followers.mirrors = journal;
      for (const { disk, readable } of first) if (!readable && disks.includes(disk)) journal.mirrorLost(disk.name);
    };
    const owners = { displaced: drives.displaced, overtaken: lost };
    const journal = await openEmbeddedJournal({ disks, headOf, acknowledged, report, timer: systemClock, began, ...owners });
    return { journal, mirrors: journal, description: `embedded, on ${disks.length} drive${disks.length === 1 ? '' : 's'}` };
  }
  // NATS is loaded where it is used.
  const { openJetStreamJournal } = await import('../journal/jetstream/jetstream-journal.ts');
  const jetStream = { deployment: drives.deployment, headOf, clock: systemClock, allowUnsafe: config.journalUnsafe, log };
  if (choice.kind === 'nats') {
    const { url, credentialsFile, systemUrl, monitoringUrls } = choice;
    const credentials = credentialsFile === undefined ? undefined : readGivenFile(credentialsFile, 'NATS credentials');
    const journal = await openJetStreamJournal({
      ...jetStream,
      url,
      ...(credentials && { credentials }),
      ...(systemUrl !== undefined && { systemUrl }),
      ...(monitoringUrls && { monitoringUrls }),
    });
    return { journal, mirrors: undefined, description: `JetStream at ${url.replaceAll(/\/\/[^@,]*@/g, '//')}` };
  }
  // Always the same drive: an empty store on another one would be another journal.
  const home = first[0];
  if (home === undefined || !home.writable) throw new StartRefused(`the journal of nats-server lies on ${home?.disk.name}, which is away`);
  const { superviseNatsServer } = await import('../journal/jetstream/nats-server.ts');
  const server = await superviseNatsServer({
    storeDirectory: join(home.disk.name, natsDirectory),
    path: config.searchPath,
    password: systemRandomness.bytes(24).toString('hex'),
    clock: systemClock,
    log,
  });
  below.push(() => server.stop());
  const journal = await openJetStreamJournal({ ...jetStream, url: server.url, systemUrl: server.systemUrl });
  return { journal, mirrors: undefined, description: `JetStream, nats-server ${server.version} on ${home.disk.name} alone` };
}

/**
 * Another kind of journal would begin empty, and with it the deployment: the kind is settled at the first start, by the returned
 * function, once the journal is open. One that never opened binds nobody.
 */
export async function refuseOtherJournal({ journal }: ServerConfig, { sets: [first = []] }: Drives): Promise<() => Promise<void>> {
  const embedded = journal.kind === 'embedded';
  const [kind, other] = embedded ? ['embedded', 'jetstream'] : ['jetstream', 'embedded'];
  const writable = first.filter((drive) => drive.writable);
  const kinds = await Promise.all(
    writable.map(({ disk }) => readSmallFile(patientDisk(disk, systemClock), journalKindPath).catch(() => '')),
  );
  if (kinds.includes(other)) {
    throw new StartRefused(`this deployment is written with --journal ${embedded ? 'nats, or the URL of a server' : 'embedded'}`);
  }
  // Torn by a crash, or a drive that was replaced: told again.
  const untold = writable.filter((_, at) => kinds[at] !== kind);
  return async () => {
    const told = await Promise.allSettled(untold.map(({ disk }) => writeSmallFile(patientDisk(disk, systemClock), journalKindPath, kind)));
    const failed = told.find((outcome) => outcome.status === 'rejected');
    // A drive that fails is told at the next start: it's enough that one of them tells.
    if (failed !== undefined && told.every(({ status }) => status === 'rejected') && !kinds.includes(kind)) throw failed.reason;
  };
}

/** What the rows say: everything up to this record was acknowledged. */
export interface KnownRows {
  readonly position: number;
  /** The drive they lie on. */
  readonly place: string | undefined;
}

/**
 * What is known of acknowledged records apart from the journal, when that is found to end with the record `found`: rows that were made of
 * them, or bytes of objects, which no deployment has before its first bucket.
 */
export async function acknowledgedBefore(found: number, rows: KnownRows, drives: Drives): Promise<Acknowledged> {
  const { position: sequence, place = 'a drive' } = rows;
  if (sequence > found) return { sequence, because: `the state store on ${place} has record ${sequence}` };
  const segment = found > 0 ? undefined : await segmentWithBytes(drives);
  if (segment === undefined) return { sequence, because: '' };
  return { sequence: 1, because: `${segment} has bytes of objects` };
}

/** Neither journal nor rows beside segments with bytes: that is no new deployment. Looked for before anything is made. */
export async function refuseLostRecords({ journal }: ServerConfig, drives: Drives, stateDirectory: string): Promise<void> {
  if (journal.kind !== 'embedded') return;
  for (const { disk, readable } of drives.sets[0] ?? []) {
    if (!readable) continue;
    const patient = patientDisk(disk, systemClock);
    if (await patient.exists(stateDirectory)) return;
    if ((await patient.list(journalDirectory)).some((name) => segmentOfName(name) !== undefined)) return;
  }
  const segment = await segmentWithBytes(drives);
  if (segment === undefined) return;
  throw new StartRefused(
    `${segment} has bytes of objects, and no drive has a journal or a state store: this is no new deployment. Nothing was changed: bring back the directories ${journalDirectory} of the drives, or start with the --journal this deployment was written with`,
  );
}

/** The path of a segment that something was written to. */
async function segmentWithBytes({ sets }: Drives): Promise<string | undefined> {
  for (const { disk, set, readable } of sets.flat()) {
    if (!readable) continue;
    const patient = patientDisk(disk, systemClock);
    for (const name of await patient.list(segmentDirectory(set)).catch((): string[] => [])) {
      if (segmentNumber(name) === undefined) continue;
      const path = `${segmentDirectory(set)}/${name}`;
      const bytes = await withFile(patient, path, 'read', (file) => file.size()).catch(() => 0);
      if (bytes > 0) return `${disk.name}/${path}`;
    }
  }
  return undefined;
}

/** Records that a server has lost, or somebody named another one than the one this deployment was written with. */
export async function refuseForeignJournal({ journal, mirrors }: OpenedJournal, rows: KnownRows, drives: Drives): Promise<void> {
  // The embedded one asked before it was opened.
  if (mirrors !== undefined) return;
  const { sequence, because } = await acknowledgedBefore(journal.lastSequence, rows, drives);
  if (sequence <= journal.lastSequence) return;
  throw new StartRefused(
    `the journal ends with record ${journal.lastSequence}, but ${because}: start with the --journal this deployment was written with, or bring back what its server has lost`,
  );
}
