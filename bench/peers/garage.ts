/**
 * Garage (AGPLv3), one node that replicates nothing. As it comes it syncs neither blocks nor metadata. With both settings on it syncs block
 * files and their directories, and LMDB's pages but not its meta page (MDB_NOMETASYNC, garage_db/lmdb_adapter.rs): the last transaction
 * before a power cut may be undone. Bodies below 3 KiB lie in the metadata.
 */
import type { ServePlan } from '../run/plan.ts';
import type { Peer } from './peer.ts';
import { findProgram, versionOf } from './programs.ts';

/** It takes keys of this form only. */
const credentials = { accessKey: `GK${'0b'.repeat(12)}`, secretKey: '5e'.repeat(32), region: 'us-east-1' };

function configuration(durable: boolean): string {
  return [
    'metadata_dir = "{dir}/meta"',
    'data_dir = "{dir}/data"',
    `metadata_fsync = ${durable}`,
    `data_fsync = ${durable}`,
    'replication_factor = 1',
    'rpc_bind_addr = "127.0.0.1:{port2}"',
    'rpc_public_addr = "127.0.0.1:{port2}"',
    `rpc_secret = "${'5e'.repeat(32)}"`,
    '[s3_api]',
    `s3_region = "${credentials.region}"`,
    'api_bind_addr = "127.0.0.1:{port}"',
  ].join('\n');
}

/** The shell writes the file it insists on and becomes the server. */
function serve(name: string, program: string, durable: boolean): ServePlan {
  const script = 'printf "%s\\n" "$2" > "$1/garage.toml" && exec "$0" -c "$1/garage.toml" server --single-node --default-access-key';
  return {
    kind: 'serve',
    name,
    command: ['/bin/sh', '-c', script, program, '{dir}', configuration(durable)],
    environment: {
      GARAGE_DEFAULT_ACCESS_KEY: credentials.accessKey,
      GARAGE_DEFAULT_SECRET_KEY: credentials.secretKey,
      // In its favour: by default it logs each request.
      RUST_LOG: 'warn',
    },
    credentials,
  };
}

export const garage: Peer = {
  name: 'garage',
  install: 'garage: put a `garage` 2.3 or later on PATH, from https://garagehq.deuxfleurs.fr/download or by `cargo install garage`',
  settings: [
    { name: 'garage', drives: 1, durability: 'nothing', serve: (program) => serve('garage', program, false) },
    {
      name: 'garage-synced',
      drives: 1,
      durability: 'blocks, their names and metadata, but for the last transaction',
      serve: (program) => serve('garage-synced', program, true),
    },
  ],
  async find(environment) {
    const program = await findProgram('garage', environment);
    if (program === undefined) return undefined;
    return { program, version: await versionOf(program, ['--version'], /garage (?:cargo:)?v?(\S+)/) };
  },
};
