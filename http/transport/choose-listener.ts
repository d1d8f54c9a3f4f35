import type { ExchangeHandler, Listener, ListenerOptions } from './listener.ts';
import { openNodeListener } from './node-listener.ts';
import { loadUws, type UwsBuild, unmetNeeds } from './uws-build.ts';
import { openUwsListener } from './uws-listener.ts';

/**
 * `auto` takes uWebSockets.js where a build loads that was seen to serve all that clients and proxies send, else Node's own server: one that
 * breaks a part of it (HTTP/1.0 from a proxy, metadata that ends in an umlaut, a slow uplink) serves only who asks for it by name.
 */
export type Transport = 'auto' | 'uws' | 'node';

/** Throws when the transport asked for by name can't be had. */
export async function openListener(transport: Transport, options: ListenerOptions, handler: ExchangeHandler): Promise<Listener> {
  if (transport === 'node') return openNodeListener(options, handler);
  const build = loadUws({ completeOnly: transport === 'auto' });
  if ('uws' in build && (build.servesTls || options.tls === undefined)) return openUwsListener(build, options, handler);
  if (transport === 'auto') return openNodeListener(options, handler);
  if ('uws' in build) throw new Error(`transport uws: uWebSockets.js ${build.version} does not serve TLS reliably; use auto or node`);
  throw new Error(`transport uws: no build of uWebSockets.js loads here\n${build.map((reason) => `  ${reason}`).join('\n')}`);
}

/** What `liteio version` shows: each transport, and why one is missing. */
export async function describeTransports(): Promise<readonly string[]> {
  const build = loadUws();
  const uws = 'uws' in build ? [`uws ${build.version}${standing(build)}`] : build.map((reason) => `uws unavailable: ${reason}`);
  return [...uws, `node ${process.versions.node}`].map((line) => `transport ${line}`);
}

function standing({ version, servesTls }: UwsBuild): string {
  const unmet = unmetNeeds[version];
  if (unmet?.length === 0) return '';
  const why = unmet === undefined ? 'it was not tried yet' : `it does not serve ${unmet.join(', ')}`;
  return ` (only with --transport uws${servesTls ? '' : ', plain HTTP only'}: ${why})`;
}
