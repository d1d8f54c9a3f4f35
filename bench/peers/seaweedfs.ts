/**
 * SeaweedFS (Apache-2.0): master, volume server, filer and S3 gateway in one process. Before it answers it has written the body to a
 * volume's page cache and the entry to LevelDB without sync. Its one setting, `fs.configure -fsync` for a path, is heeded by the filer's own
 * HTTP uploads alone (weed/server/filer_server_handlers_write.go): the S3 gateway writes to the volume server itself and never asks for it.
 */
import { benchCredentials, type Peer } from './peer.ts';
import { findProgram, versionOf } from './programs.ts';

/** 4.53: its tags are no versions to Go, whose rules want the major number in the module's name. */
const version = 'v0.0.0-20261109003541-7506e5f91cd6';

/** Each part listens twice, HTTP and gRPC; gRPC would otherwise take the port 10,000 above. */
const listening = [
  '-ip=127.0.0.1',
  '-s3.port={port}',
  '-s3.port.grpc={port2}',
  '-master.port={port3}',
  '-master.port.grpc={port4}',
  '-volume.port={port5}',
  '-volume.port.grpc={port6}',
  '-filer.port={port7}',
  '-filer.port.grpc={port8}',
  '-s3.port.iceberg=0',
  '-s3.port.lance=0',
  '-s3.localSocket={dir}/s3.sock',
  '-filer.localSocket={dir}/filer.sock',
];

export const seaweedfs: Peer = {
  name: 'seaweedfs',
  install: 'seaweedfs: `npm run bench -- --install-peers` builds it (Go 1.26 or later), or put a `weed` on PATH',
  goProgram: { program: 'weed', module: 'github.com/seaweedfs/seaweedfs', version, package: './weed', linkerFlags: '' },
  settings: [
    {
      name: 'seaweedfs',
      drives: 1,
      durability: 'nothing, and no setting for it on the S3 path',
      serve: (program) => ({
        kind: 'serve',
        name: 'seaweedfs',
        command: [
          program,
          '-logtostderr=true',
          'server',
          '-s3',
          '-dir={dir}',
          ...listening,
          // A bucket is a collection with volumes of its own: the default of 8 is used up by the second bucket.
          '-volume.max=100',
          '-volume.preStopSeconds=0',
          '-master.telemetry=false',
        ],
        environment: { AWS_ACCESS_KEY_ID: benchCredentials.accessKey, AWS_SECRET_ACCESS_KEY: benchCredentials.secretKey },
        credentials: benchCredentials,
      }),
    },
  ],
  async find(environment) {
    const program = await findProgram('weed', environment);
    if (program === undefined) return undefined;
    return { program, version: await versionOf(program, ['version'], /version \S+ (\S+)/) };
  },
};
