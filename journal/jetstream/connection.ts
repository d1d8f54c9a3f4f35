import { connect, credsAuthenticator, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node';
import { JournalUnavailable } from '../journal.ts';

const connectMilliseconds = 5_000;
const reconnectMilliseconds = 200;
/** A peer that is silent for this long, twice, is taken for dead. */
const pingMilliseconds = 10_000;

export interface NatsAddress {
  /**
   * `nats://user:password@host:port`, `nats://token@host:port`, `tls://...` for TLS; several of a cluster with commas between,
   * the credentials of the first hold for all. Port 4222 unless told.
   */
  readonly url: string;
  /** Content of a `.creds` file, in place of credentials in the URL. */
  readonly credentials?: Uint8Array;
}

/**
 * A connection that comes back by itself for as long as it is not closed.
 * @throws JournalUnavailable nobody answers there, or the credentials are refused.
 */
export async function connectNats(address: NatsAddress): Promise<NatsConnection> {
  const options = natsOptions(address);
  try {
    return await connect(options);
  } catch (error) {
    const servers = (options.servers as string[]).join(', ');
    throw new JournalUnavailable(`no NATS connection to ${servers}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

/** @throws TypeError the address is no NATS URL. */
export function natsOptions(address: NatsAddress): NodeConnectionOptions {
  const urls = address.url.split(',').map((text) => {
    const url = URL.canParse(text.trim()) ? new URL(text.trim()) : undefined;
    if (url === undefined || (url.protocol !== 'nats:' && url.protocol !== 'tls:') || url.hostname === '')
      throw new TypeError('a NATS address looks like nats://user:password@host:4222 (or tls://...), several with commas between');
    return url;
  });
  const first = urls[0]!;
  const user = decodeURIComponent(first.username);
  const password = decodeURIComponent(first.password);
  return {
    servers: urls.map((url) => `${url.hostname}:${url.port === '' ? 4222 : url.port}`),
    name: 'liteio',
    ...(user === '' ? {} : first.password === '' ? { token: user } : { user, pass: password }),
    ...(address.credentials === undefined ? {} : { authenticator: credsAuthenticator(address.credentials) }),
    ...(urls.some((url) => url.protocol === 'tls:') ? { tls: {} } : {}),
    timeout: connectMilliseconds,
    reconnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: reconnectMilliseconds,
    reconnectJitter: reconnectMilliseconds,
    ignoreAuthErrorAbort: true,
    pingInterval: pingMilliseconds,
    maxPingOut: 2,
    noAsyncTraces: true,
  };
}
