/**
 * MinIO (AGPLv3). Before it answers it has synced the contents of each drive's part file (O_DIRECT, fdatasync) and of xl.meta (O_DSYNC), which
 * holds the body itself up to 128 KiB a drive; then it renames both into place, and syncs neither renames nor directories: on ext4 a power
 * cut can undo those of the last 5 s. Read in writeAllDirect, writeAllInternal and RenameData of cmd/xl-storage.go, and seen under strace.
 */
import type { ServePlan } from '../run/plan.ts';
import { benchCredentials, type Peer } from './peer.ts';
import { findProgram, versionOf } from './programs.ts';

const version = 'v0.0.0-20260212201848-7aac2a2c5b7c';

const contentsOnly = 'the contents of files, not the renames that give them their names';

/**
 * A drive on the file system of / is refused unless it is larger than the threshold, in bytes. MINIO_CI_CD would do as well but shrinks its
 * buffer pool, and so would a CI variable that is inherited.
 */
function serve(name: string, program: string, drives: string, environment: Readonly<Record<string, string>>): ServePlan {
  return {
    kind: 'serve',
    name,
    command: [program, 'server', '--address', '127.0.0.1:{port}', drives],
    environment: {
      MINIO_ROOT_USER: benchCredentials.accessKey,
      MINIO_ROOT_PASSWORD: benchCredentials.secretKey,
      MINIO_BROWSER: 'off',
      MINIO_UPDATE: 'off',
      MINIO_ROOTDRIVE_THRESHOLD_SIZE: '1',
      MINIO_CI_CD: '',
      CI: '',
      ...environment,
    },
    credentials: benchCredentials,
  };
}

const sixDrives = '{dir}/drive{1...6}';
const fourAndTwo = { MINIO_STORAGE_CLASS_STANDARD: 'EC:2' };

export const minio: Peer = {
  name: 'minio',
  install: 'minio: `npm run bench -- --install-peers` builds it (Go 1.24 or later), or put a `minio` on PATH',
  goProgram: {
    program: 'minio',
    module: 'github.com/minio/minio',
    version,
    package: '.',
    linkerFlags: `-X github.com/minio/minio/cmd.ReleaseTag=${version}`,
  },
  settings: [
    {
      name: 'minio',
      drives: 6,
      durability: contentsOnly,
      serve: (program) => serve('minio', program, sixDrives, fourAndTwo),
    },
    {
      name: 'minio-synced',
      drives: 6,
      durability: 'everything: MINIO_FS_OSYNC=on, one sync(2) of the whole machine a drive',
      serve: (program) => serve('minio-synced', program, sixDrives, { ...fourAndTwo, MINIO_FS_OSYNC: 'on' }),
    },
    {
      name: 'minio-1-drive',
      drives: 1,
      durability: contentsOnly,
      serve: (program) => serve('minio-1-drive', program, '{dir}/drive1', {}),
    },
  ],
  async find(environment) {
    const program = await findProgram('minio', environment);
    if (program === undefined) return undefined;
    return { program, version: await versionOf(program, ['--version'], /minio version (\S+)/) };
  },
};
