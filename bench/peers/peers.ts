/** All that liteio is compared with, and which of them are on this machine. */
import { garage } from './garage.ts';
import { liteio, liteioJetStream } from './liteio.ts';
import { minio } from './minio.ts';
import type { FoundPeer, Peer, PeerSetting } from './peer.ts';
import { radosgw } from './radosgw.ts';
import { s3rver } from './s3rver.ts';
import { seaweedfs } from './seaweedfs.ts';
import { versitygw } from './versitygw.ts';

/** liteio first: the others are compared with it. */
export const peers: readonly Peer[] = [liteio, liteioJetStream, minio, seaweedfs, versitygw, radosgw, garage, s3rver];

export interface PresentSetting extends PeerSetting {
  readonly peer: Peer;
  readonly found: FoundPeer;
}

export interface Presence {
  readonly present: readonly PresentSetting[];
  /** A line each for those that are not here: how to get them. */
  readonly missing: readonly string[];
}

/** The settings of these names, in this order. A name that none has throws. */
export async function presentSettings(names: readonly string[], environment: NodeJS.ProcessEnv): Promise<Presence> {
  const present: PresentSetting[] = [];
  const missing = new Set<string>();
  for (const { peer, setting } of names.map(named)) {
    const found = await peer.find(environment);
    if (found === undefined) missing.add(peer.install);
    else present.push({ ...setting, peer, found });
  }
  return { present, missing: [...missing] };
}

function named(name: string): { readonly peer: Peer; readonly setting: PeerSetting } {
  const all = peers.flatMap((peer) => peer.settings.map((setting) => ({ peer, setting })));
  const one = all.find(({ setting }) => setting.name === name);
  if (one === undefined) throw new Error(`no peer is called ${name}; there are ${all.map(({ setting }) => setting.name).join(', ')}`);
  return one;
}
