/** liteio itself, as it is built here. */
import { access, readFile } from 'node:fs/promises';
import { delimiter, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServePlan } from '../run/plan.ts';
import { benchCredentials, type FoundPeer, type Peer } from './peer.ts';
import { findProgram } from './programs.ts';

const program = fileURLToPath(new URL('../../http/liteio.cjs', import.meta.url));
const manifest = fileURLToPath(new URL('../../../package.json', import.meta.url));

function serve(name: string, drives: string, flags: readonly string[]): ServePlan {
  return {
    kind: 'serve',
    name,
    command: [process.execPath, program, 'server', '--drives', drives, '--address', '127.0.0.1:{port}', ...flags],
    environment: { LITEIO_ACCESS_KEY: benchCredentials.accessKey, LITEIO_SECRET_KEY: benchCredentials.secretKey },
    credentials: benchCredentials,
  };
}

async function find(): Promise<FoundPeer | undefined> {
  try {
    await access(program);
  } catch {
    return undefined;
  }
  const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
  return { version, program };
}

const sixDrives = '{dir}/drive{1...6}';

export const liteio: Peer = {
  name: 'liteio',
  install: 'liteio: `npm run build`',
  settings: [
    {
      name: 'liteio',
      drives: 6,
      durability: 'everything, fdatasync: shards on write quorum, then the journal on a majority of its mirrors',
      serve: () => serve('liteio', sixDrives, []),
    },
    {
      name: 'liteio-1-drive',
      drives: 1,
      durability: 'everything, fdatasync: the body, then the journal',
      serve: () => serve('liteio-1-drive', '{dir}/drive1', []),
    },
  ],
  find,
};

export const liteioJetStream: Peer = {
  name: 'liteio-jetstream',
  install:
    'liteio-jetstream: `npm run bench -- --install-peers` builds its nats-server (Go 1.25 or later), or put one of 2.11 or later on PATH',
  goProgram: {
    program: 'nats-server',
    module: 'github.com/nats-io/nats-server/v2',
    version: 'v2.14.5',
    package: '.',
    linkerFlags: '',
  },
  settings: [
    {
      name: 'liteio-jetstream',
      drives: 6,
      durability: 'everything: shards on write quorum, then the journal of a nats-server that syncs always',
      serve: (natsServer) => {
        const plan = serve('liteio-jetstream', sixDrives, ['--journal', 'nats']);
        // Where liteio looks for it.
        const path = [dirname(natsServer), process.env.PATH ?? ''].join(delimiter);
        return { ...plan, environment: { ...plan.environment, PATH: path } };
      },
    },
  ],
  async find(environment) {
    const natsServer = await findProgram('nats-server', environment);
    const own = await find();
    return natsServer === undefined || own === undefined ? undefined : { ...own, program: natsServer };
  },
};
