/** What a supervised nats-server is told. */
export interface NatsConfigParts {
  /** Also how we recognise our server on its port. */
  readonly serverName: string;
  readonly port: number;
  /** Directory of JetStream's files. */
  readonly storeDirectory: string;
  /** Password of both users: `liteio` of the account with JetStream, `system` of the system account. */
  readonly password: string;
  /** E.g. `max_payload: 9MB`. */
  readonly maxPayloadLine: string;
}

/**
 * The configuration file. The store's limit is far above any disk: left to itself, the server allows three quarters of what is free when it
 * starts and would refuse every append after a restart on a disk that is half full.
 */
export function natsConfig(parts: NatsConfigParts): string {
  const users = (name: string): string => `users: [{ user: ${name}, password: ${quoted(parts.password)} }]`;
  return [
    '# Written anew at every start of liteio: changes are lost.',
    `server_name: ${quoted(parts.serverName)}`,
    `listen: "127.0.0.1:${parts.port}"`,
    parts.maxPayloadLine,
    'jetstream {',
    `  store_dir: ${quoted(parts.storeDirectory)}`,
    '  sync_interval: always',
    '  max_memory_store: 64MB',
    '  max_file_store: 1000TB',
    '}',
    'accounts {',
    `  SYSTEM { ${users('system')} }`,
    `  LITEIO { jetstream: enabled, ${users('liteio')} }`,
    '}',
    'system_account: SYSTEM',
    '',
  ].join('\n');
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
