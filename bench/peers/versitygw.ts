/** Versity S3 Gateway (Apache-2.0) over its posix backend: an object is a file. */
import type { ServePlan } from '../run/plan.ts';
import { benchCredentials, type Peer } from './peer.ts';
import { findProgram, versionOf } from './programs.ts';

const version = 'v1.8.0';

const nothing = 'nothing, and no setting for it';

/** Both flags are in its favour: by default it logs each request and closes each connection after one answer. */
const flags = ['--port', '127.0.0.1:{port}', '--quiet', '--keep-alive', 'posix'];

function serve(name: string, command: readonly string[]): ServePlan {
  return {
    kind: 'serve',
    name,
    command,
    environment: { ROOT_ACCESS_KEY: benchCredentials.accessKey, ROOT_SECRET_KEY: benchCredentials.secretKey },
    credentials: benchCredentials,
  };
}

/** Versions need a directory of their own beside the data, and it makes neither itself. */
const withVersions = 'mkdir "$1/data" "$1/versions" && d="$1" && shift && exec "$0" "$@" --versioning-dir "$d/versions" "$d/data"';

export const versitygw: Peer = {
  name: 'versitygw',
  install: 'versitygw: `npm run bench -- --install-peers` builds it (Go 1.25 or later), or put a `versitygw` on PATH',
  goProgram: {
    program: 'versitygw',
    module: 'github.com/versity/versitygw',
    version,
    package: './cmd/versitygw',
    linkerFlags: `-X main.Version=${version}`,
  },
  settings: [
    {
      name: 'versitygw',
      drives: 1,
      durability: nothing,
      serve: (program) => serve('versitygw', [program, ...flags, '{dir}']),
    },
    {
      name: 'versitygw-versions',
      drives: 1,
      durability: nothing,
      serve: (program) => serve('versitygw-versions', ['/bin/sh', '-c', withVersions, program, '{dir}', ...flags]),
    },
  ],
  async find(environment) {
    const program = await findProgram('versitygw', environment);
    if (program === undefined) return undefined;
    return { program, version: await versionOf(program, ['--version'], /Version\s*:\s*(\S+)/) };
  },
};
