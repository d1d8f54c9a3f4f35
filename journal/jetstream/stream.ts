import type { JetStreamManager, StreamConfig, StreamInfo } from '@nats-io/jetstream';
import { JournalCorrupt } from '../journal.ts';

/** What the server is asked to keep of message ids; retries end well before (the fence alone would do, this answers them cheaper). */
const duplicateWindowMilliseconds = 60_000;
const nanosecondsPerMillisecond = 1_000_000;

const deploymentPattern = /^[A-Za-z0-9_-]{1,64}$/;
/** JetStreamApiError codes. */
const streamNotFound = 10059;
const replicasNeedCluster = 10074;
const noSuitablePeers = 10005;
const insufficientResources = 10023;

/** The server or its stream cannot keep a journal. The message is one line that says what to change. */
export class JetStreamRefused extends Error {
  override readonly name = 'JetStreamRefused';
}

/** Where the journal of one deployment lies. */
export interface JournalPlace {
  /** Name of the JetStream stream. */
  readonly stream: string;
  /** Subjects of its records are this and the encoded name of the actor's stream. */
  readonly subjectPrefix: string;
}

/** @throws JetStreamRefused a name that would not make a stream name. */
export function journalPlace(deployment: string): JournalPlace {
  if (!deploymentPattern.test(deployment)) {
    throw new JetStreamRefused(`deployment "${deployment}": 1 to 64 letters, digits, - and _ are allowed with a NATS journal`);
  }
  return { stream: `liteio-${deployment}`, subjectPrefix: `liteio.${deployment}.` };
}

/**
 * `bucket/photos` -> `bucket.photos`; bytes other than letters, digits, - and _ become `=XX`, so that any UTF-8 name makes two tokens at
 * most three times as long (3,300 bytes: the server's control line takes 4,096).
 */
export function subjectOf(place: JournalPlace, stream: string): string {
  const slash = stream.indexOf('/');
  if (slash === -1) return `${place.subjectPrefix}${token(stream)}`;
  return `${place.subjectPrefix}${token(stream.slice(0, slash))}.${token(stream.slice(slash + 1))}`;
}

/** @throws JournalCorrupt a subject that this program never writes. */
export function streamOf(place: JournalPlace, subject: string): string {
  const tokens = subject.startsWith(place.subjectPrefix) ? subject.slice(place.subjectPrefix.length).split('.') : [];
  if (tokens.length < 1 || tokens.length > 2) throw new JournalCorrupt(`subject ${subject} is not of this journal`);
  return tokens.map(untoken).join('/');
}

function token(name: string): string {
  if (/^[A-Za-z0-9_-]+$/.test(name)) return name;
  if (name === '') return '=';
  return Buffer.from(name, 'utf8')
    .toString('latin1')
    .replaceAll(/[^A-Za-z0-9_-]/g, (byte) => `=${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}

function untoken(text: string): string {
  if (text === '=') return '';
  const bytes = text.replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/**
 * The deployment's stream as it is on the server, created when absent: with three replicas where a cluster has room for them.
 * @throws JetStreamRefused it is there, but could lose or alter records.
 */
export async function ensureStream(manager: JetStreamManager, place: JournalPlace, clustered: boolean): Promise<StreamInfo> {
  const found = await manager.streams.info(place.stream).catch((error: unknown) => {
    if (apiCode(error) === streamNotFound) return undefined;
    throw error;
  });
  if (found !== undefined) {
    refuseUnsafeStream(found.config, place);
    return found;
  }
  for (const replicas of clustered ? [3, 1] : [1]) {
    try {
      return await manager.streams.add(streamConfig(place, replicas));
    } catch (error) {
      const fewerMayDo = [replicasNeedCluster, noSuitablePeers, insufficientResources].includes(apiCode(error) ?? 0);
      if (replicas === 1 || !fewerMayDo) throw error;
    }
  }
  throw new JetStreamRefused(`stream ${place.stream} could not be created`);
}

function streamConfig(place: JournalPlace, replicas: number): Partial<StreamConfig> & { name: string } {
  return {
    name: place.stream,
    description: 'journal of a liteio deployment: never purge, never edit',
    subjects: [`${place.subjectPrefix}>`],
    storage: 'file',
    retention: 'limits',
    discard: 'new',
    num_replicas: replicas,
    max_msgs: -1,
    max_bytes: -1,
    max_age: 0,
    max_msgs_per_subject: -1,
    max_msg_size: -1,
    max_consumers: -1,
    duplicate_window: duplicateWindowMilliseconds * nanosecondsPerMillisecond,
    deny_delete: true,
    deny_purge: true,
    allow_direct: true,
    allow_rollup_hdrs: false,
  };
}

/** @throws JetStreamRefused the stream could lose or alter records as it is configured. */
export function refuseUnsafeStream(config: StreamConfig, place: JournalPlace): void {
  const demands: readonly (readonly [boolean, string])[] = [
    [config.storage === 'file', 'storage: file'],
    [config.retention === 'limits', 'retention: limits'],
    [config.discard === 'new', 'discard: new'],
    [
      config.max_msgs <= 0 && config.max_bytes <= 0 && config.max_age === 0 && config.max_msgs_per_subject <= 0,
      'no max_msgs, max_bytes, max_age or max_msgs_per_subject',
    ],
    [(config.max_msg_size ?? -1) <= 0, 'no max_msg_size'],
    [config.deny_delete === true, 'deny_delete: true'],
    [config.deny_purge === true, 'deny_purge: true'],
    [config.allow_direct === true, 'allow_direct: true'],
    [config.allow_rollup_hdrs !== true, 'allow_rollup_hdrs: false'],
    [(config.persist_mode ?? 'default') !== 'async', 'persist_mode: default'],
    [config.mirror === undefined && (config.sources ?? []).length === 0, 'neither mirror nor sources'],
    [config.subject_transform === undefined, 'no subject_transform'],
    [config.no_ack !== true, 'no_ack: false'],
    [config.sealed !== true, 'sealed: false'],
    [config.subjects?.length === 1 && config.subjects[0] === `${place.subjectPrefix}>`, `subjects: ["${place.subjectPrefix}>"]`],
  ];
  const broken = demands.filter(([holds]) => !holds).map(([, demand]) => demand);
  if (broken.length > 0) throw new JetStreamRefused(`stream ${place.stream} cannot keep a journal; it needs ${broken.join('; ')}`);
}

/** The error code of an answer of JetStream's API, if it is one. */
export function apiCode(error: unknown): number | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined;
}

/**
 * Sequence of the stream's last message, 0 when it is empty.
 * @throws JournalCorrupt messages were removed: a journal begins at 1 and has no gaps.
 */
export function lastSequenceOf({ config, state }: StreamInfo): number {
  if (state.messages !== state.last_seq || (state.last_seq > 0 && state.first_seq !== 1)) {
    throw new JournalCorrupt(
      `stream ${config.name} holds ${state.messages} records from ${state.first_seq} to ${state.last_seq}: some were removed`,
    );
  }
  return state.last_seq;
}
