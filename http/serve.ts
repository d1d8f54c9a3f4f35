/** The composition root: opens the house from the ground up, wires its parts to each other and takes it down in reverse. */
import { join } from 'node:path';
import type { Logger } from 'pino';
import { replay } from '../engine/actor/recovery.ts';
import { storeRows } from '../engine/actor/rows.ts';
import { headOf } from '../engine/actor/stream-heads.ts';
import { rowFormat } from '../engine/bucket/codec.ts';
import { tables } from '../engine/bucket/row-keys.ts';
import { type Engine, openEngine } from '../engine/engine.ts';
import { engineKinds } from '../engine/kinds.ts';
import type { Log } from '../engine/log.ts';
import type { Blob } from '../engine/shards/blob-store.ts';
import { describeDrives } from '../engine/shards/describe-drives.ts';
import { markDirectory } from '../engine/shards/drive-format.ts';
import { roomOf } from '../engine/shards/drive-room.ts';
import { openBlobStore } from '../engine/shards/open-blob-store.ts';
import type { Drives } from '../engine/shards/open-drives.ts';
import { patientDisk } from '../engine/shards/patient-disk.ts';
import type { StartedThreads } from '../engine/shards/started-threads.ts';
import { openWorkers } from '../engine/shards/workers.ts';
import { missedBlobs } from '../engine/upkeep/missed-blobs.ts';
import type { Disk } from '../journal/disk.ts';
import type { HeadOf } from '../journal/journal.ts';
import { openClassicStore, removeClassicStore } from '../snapshots/classic-store.ts';
import { laggingStore } from '../snapshots/lagging-store.ts';
import { openPatientStore } from '../snapshots/patient-store.ts';
import { openStandbyStore, type StandbyStore, type StoreDrive } from '../snapshots/standby-store.ts';
import { StateStoreLocked, StateStoreUnavailable } from '../snapshots/state-store.ts';
import { rootCredentials } from './auth/credentials.ts';
import { Certificates } from './certificates.ts';
import { checkTls, endpointOf, type ServerConfig, StartRefused } from './config.ts';
import { type DescriptorShares, shareDescriptors } from './descriptors.ts';
import { createHandler } from './handle.ts';
import { operations } from './operations.ts';
import { callSharesOf, type Followers, openHouseDrives, watchDrives } from './serve-drives.ts';
import {
  acknowledgedBefore,
  type Closers,
  type KnownRows,
  openJournal,
  refuseForeignJournal,
  refuseLostRecords,
  refuseOtherJournal,
} from './serve-journal.ts';
import { systemClock } from './system-clock.ts';
import { fileMark } from './system-files.ts';
import { descriptorsMax } from './system-process.ts';
import { systemRandomness } from './system-randomness.ts';
import { beatingHeart } from './system-standstill.ts';
import { openListener } from './transport/choose-listener.ts';
import type { CapReport } from './transport/connection-cap.ts';
import type { ExchangeHandler, Listener } from './transport/listener.ts';

/** The one account there is: it owns every bucket. */
const rootAccount = '000000000000';
/** What a stop waits for requests under way. */
const drainMilliseconds = 10_000;
/** What a stop then waits for drives that owe answers. */
const stopMilliseconds = 10_000;
/** Drives that may hold the state store: the one in use, the standby, a spare. */
const statePlacesMax = 3;
const stateDirectory = `${markDirectory}/state`;
const nodeDiskModule = new URL('../journal/node-disk.js', import.meta.url).href;
const standstillModule = new URL('./system-standstill.js', import.meta.url).href;

export interface RunningServer {
  readonly endpoint: string;
  /** What people should know of how it runs: names and values. */
  readonly summary: readonly (readonly [name: string, value: string])[];
  /** What it can't do, a sentence each. */
  readonly limits: readonly string[];
  /** Reads certificate and key again, and says in the log what came of it. */
  renewCertificate(): Promise<void>;
  /** Drains, then closes everything; false when a drive keeps something from closing in time. */
  close(): Promise<boolean>;
}

/**
 * @throws StartRefused nothing was changed that was not there before, but for drives of a new deployment that came through.
 */
export async function serve(start: Start): Promise<RunningServer> {
  const closers: Closers = [() => start.threads.close()];
  try {
    return await open(start, closers);
  } catch (error) {
    await closedInTime(closers).catch((closing: unknown) => start.logger.warn({ err: closing }, 'closing after a failed start'));
    throw refusalOf(error);
  }
}

export interface Start {
  readonly config: ServerConfig;
  readonly logger: Logger;
  readonly threads: StartedThreads;
  /** Another process has the drives: this one must end without another word to a client. */
  readonly lost: (sentence: string) => void;
}

async function open(start: Start, closers: Closers): Promise<RunningServer> {
  const { config, logger } = start;
  await checkTls(config);
  // The port comes first: a start that can't have it must not touch a drive.
  let handler: ExchangeHandler = async (exchange) => exchange.send(503, [['Retry-After', '1']]);
  const shares = descriptorSharesOf(config);
  const listener = await bind({ config, logger, shares }, (exchange) => handler(exchange));
  const closeListener = once(() => listener.close(drainMilliseconds));
  closers.push(closeListener);
  const certificates = new Certificates({ tls: config.tls, listener, clock: systemClock, fileMark, log: logger });
  await certificates.watch();
  closers.push(async () => certificates.close());
  const { engine, summary } = await openHouse({ ...start, shares }, closers);
  handler = createHandler({
    engine,
    operations,
    credentials: rootCredentials(config.accessKey, config.secretKey, rootAccount),
    clock: systemClock,
    randomness: systemRandomness,
    log: logger,
    region: config.region,
    domains: config.domain === undefined ? [] : [config.domain],
    requestsMax: config.requestsMax,
  });
  return {
    endpoint: endpointOf(config, listener.port),
    summary: [...summary, ['transport', listener.transport]],
    limits: listener.limits,
    renewCertificate: () => certificates.renew(),
    close: async () => {
      // What was opened first also goes first here: requests under way need the rest of the house.
      await closeListener();
      return closedInTime(closers);
    },
  };
}

type House = { readonly engine: Engine; readonly summary: RunningServer['summary'] };

/** Everything below HTTP: drives, bytes on them, state store, journal, engine. */
async function openHouse(start: Start & { shares: DescriptorShares }, closers: Closers): Promise<House> {
  const { config, threads, shares } = start;
  const log = logOf(start.logger);
  const drives = await openHouseDrives(start, log);
  closers.push(() => drives.close());
  const followers: Followers = { drives, log, store: undefined, mirrors: undefined };
  const unwatch = watchDrives(followers);
  closers.push(async () => unwatch());
  // Below the engine: a nats-server. Handed to it: it closes these itself, once it is there.
  const below: Closers = [];
  const handed: Closers = [];
  closers.push(() => closeAll(below));
  closers.push(() => closeAll(handed));
  const callsMax = callSharesOf(config).eachShardThread;
  const openFilesMax = shares.keptFiles;
  const watch = { module: standstillModule, heart: beatingHeart() };
  const shards = {
    drives,
    threads: config.threads,
    callsMax,
    openFilesMax,
    watch,
    started: threads,
    diskModule: nodeDiskModule,
    clock: systemClock,
    log,
  };
  const workers = closing(openWorkers(shards), handed);
  const { journal, store, description } = await openRecords({ config, drives, log, followers, lost: start.lost }, { below, handed });
  // The healer, which starts with the blob store, reads rows: they have to be all there.
  await replay({ journal, store, kinds: engineKinds, log });
  let engine: Engine | undefined;
  const healing = {
    missedBlobs: (set: number, slot: number) => missedBlobs(storeRows(store), set, slot),
    // What is healed before the engine is open is found whole by the next sweep.
    onHealed: (blob: Blob, slot: number) => engine?.blobHealed(blob, slot),
  };
  const blobs = await openBlobStore({ ...shards, randomness: systemRandomness, ...healing }, workers);
  handed.push(() => blobs.close());
  engine = await openEngine({
    journal,
    store,
    blobs,
    segments: blobs,
    room: roomOf(drives),
    distrust: (reason) =>
      void store.distrust(reason).catch((error: unknown) => log('error', 'no other state store', { error: String(error) })),
    clock: systemClock,
    randomness: systemRandomness,
    log,
    options: { inlineBytesMax: config.inlineBytesMax },
  });
  handed.length = 0;
  closers.push(() => engine.close());
  const state = [store.places.primary, store.places.standby].filter((place) => place !== undefined);
  return {
    engine,
    summary: [
      ['drives', describeDrives(drives)],
      ['journal', description],
      ['state', state.join(', standby ')],
    ],
  };
}

interface RecordParts {
  readonly config: ServerConfig;
  readonly drives: Drives;
  readonly log: Log;
  readonly lost: Start['lost'];
  /** Told of both as soon as a drive may be lost under them. */
  readonly followers: Followers;
}

/** The journal and the rows made of it, opened side by side: neither asks for the other before both are there. */
async function openRecords({ config, drives, log, followers, lost }: RecordParts, { below, handed }: { below: Closers; handed: Closers }) {
  const settleJournalKind = await refuseOtherJournal(config, drives);
  await refuseLostRecords(config, drives, stateDirectory);
  const there: { store?: StandbyStore } = {};
  const opening = openStandbyStore({
    drives: await stateDrives(drives, log),
    // One that takes over before the journal is open waits for it: the journal needs no rows to open.
    catchUp: async (behind) => replay({ journal: (await openingJournal).journal, store: behind, kinds: engineKinds, log }),
    log,
    timer: systemClock,
  });
  closing(opening, handed);
  const headOfStream: HeadOf = (stream) => {
    if (there.store === undefined) throw new StateStoreUnavailable('the state store is not open yet');
    return headOf(there.store, stream);
  };
  const acknowledged = async (found: number) => acknowledgedBefore(found, rowsOf(await opening), drives);
  const openingJournal = openJournal(config, drives, { headOf: headOfStream, acknowledged, log, lost, below, followers });
  closing(
    openingJournal.then(({ journal }) => journal),
    handed,
  );
  const [store, opened] = await Promise.all([opening, openingJournal]);
  there.store = store;
  followers.store = store;
  // What was lost while it opened.
  const gone = drives.sets.flat().filter(({ disk, readable }) => !readable && Object.values(store.places).includes(disk.name));
  await Promise.all(gone.map(({ disk }) => store.driveLost(disk.name)));
  await refuseForeignJournal(opened, rowsOf(store), drives);
  await settleJournalKind();
  return { ...opened, store };
}

function rowsOf({ position, places }: StandbyStore): KnownRows {
  return { position, place: places.primary };
}

/** `part`, which is closed with the others as soon as it is open, even when one of them fails before. */
function closing<Part extends { close(): Promise<void> }>(part: Promise<Part>, closers: Closers): Promise<Part> {
  const open = part.catch(() => undefined);
  closers.push(async () => (await open)?.close());
  return part;
}

/** Where the state store may lie: drives of the first set, those that have one already first. More than one only where drives may fail. */
async function stateDrives(drives: Drives, log: Log): Promise<StoreDrive[]> {
  const readable = (drives.sets[0] ?? []).filter((drive) => drive.readable);
  const used = await Promise.all(
    readable.map(({ disk }) =>
      patientDisk(disk, systemClock)
        .exists(stateDirectory)
        .catch(() => false),
    ),
  );
  const byUse = [...readable.filter((_, at) => used[at]), ...readable.filter((_, at) => !used[at])];
  return byUse.slice(0, Math.min(statePlacesMax, drives.layout.parityShards + 1)).map((drive) => {
    const directory = join(drive.disk.name, stateDirectory);
    let first = true;
    return {
      name: drive.disk.name,
      open: async (untrusted) => {
        // Opening makes directories: on a drive that was taken away it would make the drive's own.
        if (!drive.readable || !(await patientDisk(drive.disk, systemClock).exists(markDirectory)))
          throw new StateStoreUnavailable(`${drive.disk.name} is away`);
        const options = { hotTables: [tables.buckets], rowFormat, owner: drives.deployment, timer: systemClock, untrusted, log };
        if (first) await refuseLocked(drive.disk);
        first = false;
        const open = async () => laggingStore(await openClassicStore(directory, options), systemClock);
        return openPatientStore(drive.disk.name, open, systemClock);
      },
      remove: () => removeClassicStore(directory),
    };
  });
}

/**
 * Another process may have LevelDB's lock and this one the drive's: before LevelDB is asked, what is being written there looks torn. Asked at
 * a start alone: later it is this process that has the lock, and closing any file of it lets go of it.
 */
async function refuseLocked(disk: Disk): Promise<void> {
  const patient = patientDisk(disk, systemClock);
  if (!(await patient.exists(stateDirectory))) return;
  // What is no directory, or has no lock to be had, nobody has open: the opening says what is wrong with it.
  const lock = await patient.lock(`${stateDirectory}/LOCK`).catch(() => null);
  if (lock === undefined) throw new StateStoreLocked(`${disk.name}/${stateDirectory} is open in another process`);
  await lock?.close();
}

/** @throws StartRefused */
function descriptorSharesOf({ drives, threads }: ServerConfig): DescriptorShares {
  const descriptors = descriptorsMax() ?? Number.POSITIVE_INFINITY;
  const shares = shareDescriptors({ descriptors, drives: drives.length, threads });
  if ('refused' in shares) throw new StartRefused(shares.refused);
  return shares;
}

type Binding = { readonly config: ServerConfig; readonly logger: Logger; readonly shares: DescriptorShares };

async function bind({ config, logger, shares }: Binding, handler: ExchangeHandler): Promise<Listener> {
  const { host, port, tls, transport } = config;
  const report = (defect: unknown) => logger.error({ err: defect }, 'an answer was cut short');
  const full = (facts: CapReport) => logger.warn(facts, 'connections are at their limit: idle ones are closed for new ones');
  try {
    return await openListener(transport, { host, port, tls, report, full, connectionsMax: shares.connectionsMax }, handler);
  } catch (error) {
    throw new StartRefused(`cannot listen on ${host}:${port}: ${(error as Error).message}`);
  }
}

function logOf(logger: Logger): Log {
  return (level, message, facts) => logger[level](facts ?? {}, message);
}

function once(task: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= task());
}

/** False: something hangs, and nothing that was acknowledged is lost by leaving it so. */
function closedInTime(closers: Closers): Promise<boolean> {
  const closed = closeAll(closers).then(() => true);
  return new Promise((resolve, reject) => {
    const cancel = systemClock.after(stopMilliseconds, () => resolve(false));
    closed.then(resolve, reject).finally(cancel);
  });
}

/** In reverse; what fails to close does not keep the rest open. */
async function closeAll(closers: Closers): Promise<void> {
  const failures: unknown[] = [];
  for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

const refusals: ReadonlySet<string> = new Set([
  'JetStreamRefused',
  'JournalCorrupt',
  'JournalUnavailable',
  'StateStoreCorrupt',
  'StateStoreLocked',
  'StateStoreUnavailable',
]);

/** Trouble with a known name is the owner's to mend and told in a line; the rest is ours. */
function refusalOf(error: unknown): unknown {
  if (!(error instanceof Error && refusals.has(error.name))) return error;
  const way = error.name === 'JournalCorrupt' ? ': `liteio journal mend` makes a journal of what is whole' : '';
  return new StartRefused(`${error.message}${way}`, { cause: error });
}
