/** Which servers are compared with each other, of those that are on this machine. */
import { liteio, liteioJetStream } from '../peers/liteio.ts';
import type { Peer, PeerSetting } from '../peers/peer.ts';
import { peers } from '../peers/peers.ts';
import type { ServePlan } from '../run/plan.ts';
import type { DescribedServer, GroupName } from './standing-result.ts';

export interface GroupServer extends DescribedServer {
  readonly plan: ServePlan;
}

export interface ServerGroups {
  /** liteio first in each: what the others are compared with. Where there is nothing to compare with, it stands alone. */
  readonly groups: Readonly<Record<GroupName, readonly GroupServer[]>>;
  /** The first setting of each peer, its defaults; liteio on six drives first. */
  readonly defaults: readonly GroupServer[];
  /** What is not on this machine, and how to get it. */
  readonly missing: readonly string[];
}

interface Present {
  readonly peer: Peer;
  readonly setting: PeerSetting;
  readonly server: GroupServer;
}

/** `chosen`: names of peers or of their settings; undefined: all. @throws Error a name nobody has, or liteio isn't built. */
export async function findServers(chosen: readonly string[] | undefined, environment: NodeJS.ProcessEnv): Promise<ServerGroups> {
  const missing: string[] = [];
  const present = async (peer: Peer): Promise<Present[]> => {
    const found = await peer.find(environment);
    if (found === undefined) missing.push(peer.install);
    return found === undefined ? [] : peer.settings.map((setting) => ({ peer, setting, server: groupServer(setting, found) }));
  };
  const own = await present(liteio);
  if (own.length === 0) throw new Error(missing.join('\n'));
  const jetStream = await present(liteioJetStream);
  const others: Present[] = [];
  for (const [peer, names] of chosenOf(chosen)) {
    others.push(...(await present(peer)).filter(({ setting }) => names.includes(setting.name)));
  }
  const all = [...own, ...others];
  const withDrives = (drives: number) => all.filter(({ setting }) => setting.drives === drives).map(({ server }) => server);
  const journals = [...own.slice(0, 1), ...jetStream].map(({ server }) => server);
  const defaults = all.filter(({ peer }, index) => all.findIndex((other) => other.peer === peer) === index);
  const groups = { 'six-drives': withDrives(6), 'one-drive': withDrives(1), journals };
  return { groups, defaults: defaults.map(({ server }) => server), missing };
}

/** The peers with the names of the settings that are to run. */
function chosenOf(chosen: readonly string[] | undefined): Map<Peer, readonly string[]> {
  const others = peers.filter((peer) => peer !== liteio && peer !== liteioJetStream);
  const known = others.flatMap((peer) => [peer.name, ...peer.settings.map(({ name }) => name)]);
  const unknown = chosen?.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`no peer is called ${unknown}; there are ${[...new Set(known)].join(', ')}`);
  const named = (peer: Peer) => peer.settings.map(({ name }) => name).filter((name) => isChosen(chosen, peer, name));
  return new Map(others.map((peer) => [peer, named(peer)] as const).filter(([, names]) => names.length > 0));
}

/** Settings for workloads that the standing set doesn't have: only when they are named. */
const versionsOnly: readonly string[] = ['versitygw-versions'];

/** A peer's name stands for all its settings. */
function isChosen(chosen: readonly string[] | undefined, peer: Peer, setting: string): boolean {
  if (chosen?.includes(setting)) return true;
  return !versionsOnly.includes(setting) && (chosen === undefined || chosen.includes(peer.name));
}

function groupServer(setting: PeerSetting, { version, program }: { version: string; program: string }): GroupServer {
  return { name: setting.name, version, durability: setting.durability, plan: setting.serve(program) };
}
