/**
 * Ceph's S3 gateway (LGPL) with the smallest cluster below it: one monitor, one manager, one BlueStore OSD on a sparse file, pools of one
 * replica. An answered PUT is in BlueStore, which syncs its data and its log before it acknowledges; nothing needs to be set.
 */
import { fileURLToPath } from 'node:url';
import { findOnPath } from '../../journal/jetstream/nats-process.ts';
import { benchCredentials, type Peer } from './peer.ts';
import { versionOf } from './programs.ts';

const launcher = fileURLToPath(new URL('./radosgw-cluster.js', import.meta.url));
const parts = ['radosgw', 'radosgw-admin', 'ceph-mon', 'ceph-mgr', 'ceph-osd', 'ceph', 'ceph-authtool', 'monmaptool'];

export const radosgw: Peer = {
  name: 'radosgw',
  install: 'radosgw: install radosgw, ceph-mon, ceph-mgr, ceph-osd and ceph-common of your distribution (Debian: apt-get install)',
  settings: [
    {
      name: 'radosgw',
      drives: 1,
      durability: 'everything: BlueStore commits data and metadata first',
      serve: () => ({
        kind: 'serve',
        name: 'radosgw',
        command: [process.execPath, launcher, '{dir}', '{port}', '{port2}'],
        environment: { RADOSGW_ACCESS_KEY: benchCredentials.accessKey, RADOSGW_SECRET_KEY: benchCredentials.secretKey },
        credentials: benchCredentials,
      }),
    },
  ],
  async find(environment) {
    const found = await Promise.all(parts.map((part) => findOnPath(part, environment.PATH ?? '')));
    const [program] = found;
    if (program === undefined || found.includes(undefined)) return undefined;
    return { program, version: await versionOf(program, ['--version'], /ceph version (\S+)/) };
  },
};
