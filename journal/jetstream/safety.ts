import type { PeerInfo, StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { JournalUnavailable } from '../journal.ts';
import { frameBytesMax } from '../record.ts';
import { connectNats } from './connection.ts';
import { JetStreamRefused } from './stream.ts';

/** The oldest nats-server whose protocol has what replay needs (batches of direct gets); `sync_interval: always` came one before, in 2.10. */
export const natsVersionMin: readonly [number, number] = [2, 11];
/** A frame and the headers that ride with it. */
export const messageBytesMax = frameBytesMax + 1_024;
/** What a configuration should say about it: the next whole megabyte. */
export const maxPayloadLine = `max_payload: ${Math.ceil(messageBytesMax / 1_048_576)}MB`;

const systemAnswerMilliseconds = 3_000;
const systemSilenceMilliseconds = 500;
const monitoringMilliseconds = 5_000;
/** Replicas speak every second; after this long without a word one counts as offline (a cluster itself says so only after minutes). */
const silentNanoseconds = 3_000_000_000;
const syncLine = 'jetstream { sync_interval: always }';

/**
 * Where a server's own settings can be seen. JetStream acknowledges before it syncs unless `sync_interval: always` is set, and an ordinary
 * account is not shown that setting: only the system account and the monitoring port tell.
 */
export interface SafetyWitness {
  /** NATS URL with the credentials of a user of the system account. */
  readonly systemUrl?: string;
  /** Addresses of monitoring ports, `http://host:8222`, one for each server that keeps the journal. */
  readonly monitoringUrls?: readonly string[];
}

/** What matters here of a server's `varz`. */
interface ServerSettings {
  readonly id: string;
  readonly name: string;
  readonly syncAlways: boolean;
  readonly syncSeconds: number;
}

/** @throws JetStreamRefused the server is too old, has no JetStream, or takes smaller messages than a record may need. */
export function refuseUnfitServer(connection: NatsConnection): void {
  const info = connection.info;
  if (info === undefined) throw new JournalUnavailable('the connection to the nats-server broke during start-up');
  if (!isRecentEnough(info.version)) {
    throw new JetStreamRefused(
      `nats-server ${info.version} is too old: ${natsVersionMin.join('.')} or later is needed, configured with ${syncLine} and ${maxPayloadLine}`,
    );
  }
  if (info.jetstream !== true) throw new JetStreamRefused(`the nats-server has JetStream off: put ${syncLine} into its configuration`);
  if (info.max_payload < messageBytesMax) {
    throw new JetStreamRefused(
      `the nats-server takes messages of ${info.max_payload} bytes, a record may need ${messageBytesMax}: put ${maxPayloadLine} into its configuration`,
    );
  }
}

/** True for `2.11.0`, `2.14.5-RC.1` and the like. */
export function isRecentEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  const [majorMin, minorMin] = natsVersionMin;
  return major > majorMin || (major === majorMin && minor >= minorMin);
}

/**
 * Resolves when every server that keeps the stream is seen to sync before it acknowledges; to the names of those that are offline and
 * could not be asked: they acknowledge nothing either.
 * @throws JetStreamRefused one does not, or it cannot be seen.
 */
export async function refuseLazySync(connection: NatsConnection, stream: StreamInfo, witness: SafetyWitness): Promise<readonly string[]> {
  if (witness.systemUrl === undefined && (witness.monitoringUrls ?? []).length === 0) {
    throw new JetStreamRefused(
      'these credentials do not show whether the nats-server syncs before it acknowledges (by default it does not): ' +
        `put ${syncLine} into its configuration and name a system account's URL or its monitoring URL`,
    );
  }
  const keepers = keepersOf(connection, stream);
  if (keepers.online.length <= keepers.offline.length) {
    throw new JetStreamRefused(
      `of the nats-servers that keep stream ${stream.config.name} too few are online: ${keepers.online.join(', ') || 'none'}`,
    );
  }
  const looks = await Promise.allSettled([
    ...(witness.systemUrl === undefined ? [] : [settingsFromSystemAccount(witness.systemUrl, keepers)]),
    ...(witness.monitoringUrls ?? []).map(settingsFromMonitoring),
  ]);
  const seen = looks.flatMap((look) => (look.status === 'fulfilled' ? look.value : []));
  const unanswered = looks.flatMap((look) => (look.status === 'rejected' ? [messageOf(look.reason)] : []));
  for (const keeper of [...keepers.online, ...keepers.offline]) {
    const settings = seen.filter(({ id, name }) => id === keeper || name === keeper);
    const lazy = settings.find(({ syncAlways }) => !syncAlways);
    if (lazy !== undefined) {
      throw new JetStreamRefused(
        `nats-server ${lazy.name} acknowledges before it syncs (every ${lazy.syncSeconds} s): put ${syncLine} into its configuration and restart it`,
      );
    }
    if (settings.length > 0 || keepers.offline.includes(keeper)) continue;
    const why = unanswered.length === 0 ? 'nobody told its settings' : unanswered.join('; ');
    throw new JetStreamRefused(`whether nats-server ${keeper} syncs before it acknowledges could not be seen: ${why}`);
  }
  return keepers.offline.filter((keeper) => !seen.some(({ name }) => name === keeper));
}

/** The servers with a copy of the stream: by name in a cluster, by id one on its own. */
interface Keepers {
  readonly by: 'id' | 'name';
  readonly online: readonly string[];
  readonly offline: readonly string[];
}

function keepersOf(connection: NatsConnection, stream: StreamInfo): Keepers {
  const { name, leader, replicas = [] } = stream.cluster ?? {};
  if (name !== undefined && name !== '') {
    const neverHeard = (peer: PeerInfo): boolean => peer.active === 0 && !peer.current;
    const isOffline = (peer: PeerInfo): boolean => peer.offline === true || peer.active >= silentNanoseconds || neverHeard(peer);
    const [online, offline] = [replicas.filter((peer) => !isOffline(peer)), replicas.filter(isOffline)];
    return {
      by: 'name',
      online: [...(leader === undefined ? [] : [leader]), ...online.map((peer) => peer.name)],
      offline: offline.map((peer) => peer.name),
    };
  }
  return { by: 'id', online: connection.info === undefined ? [] : [connection.info.server_id], offline: [] };
}

async function settingsFromSystemAccount(url: string, keepers: Keepers): Promise<ServerSettings[]> {
  const system = await connectNats({ url });
  try {
    if (keepers.by === 'id') {
      const answers = keepers.online.map((id) => system.request(`$SYS.REQ.SERVER.${id}.VARZ`, '', { timeout: systemAnswerMilliseconds }));
      return (await Promise.all(answers)).map((answer) => settingsOf(answer.json()));
    }
    const seen: ServerSettings[] = [];
    const answers = await system.requestMany('$SYS.REQ.SERVER.PING.VARZ', '', {
      strategy: 'stall',
      maxWait: systemAnswerMilliseconds,
      stall: systemSilenceMilliseconds,
    });
    for await (const answer of answers) {
      if (answer.data.length > 0) seen.push(settingsOf(answer.json()));
    }
    return seen;
  } catch (error) {
    throw new Error(`the system account's URL did not show them: ${messageOf(error)}`);
  } finally {
    await system.close();
  }
}

async function settingsFromMonitoring(address: string): Promise<ServerSettings[]> {
  try {
    const answer = await fetch(new URL('/varz', address), { signal: AbortSignal.timeout(monitoringMilliseconds) });
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    return [settingsOf({ data: (await answer.json()) as Varz })];
  } catch (error) {
    throw new Error(`monitoring URL ${address} did not show them: ${messageOf(error)}`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

interface Varz {
  readonly server_id?: string;
  readonly server_name?: string;
  readonly jetstream?: { readonly config?: { readonly sync_always?: boolean; readonly sync_interval?: number } };
}

function settingsOf(answer: { readonly server?: { readonly id: string; readonly name: string }; readonly data?: Varz }): ServerSettings {
  const config = answer.data?.jetstream?.config;
  return {
    id: answer.server?.id ?? answer.data?.server_id ?? '',
    name: answer.server?.name ?? answer.data?.server_name ?? '',
    syncAlways: config?.sync_always === true,
    syncSeconds: (config?.sync_interval ?? 0) / 1e9,
  };
}
