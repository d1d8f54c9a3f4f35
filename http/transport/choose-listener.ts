import type { ExchangeHandler, Listener, ListenerOptions } from './listener.ts';
import { openNodeListener } from './node-listener.ts';
import { loadUws } from './uws-build.ts';
import { openUwsListener } from './uws-listener.ts';

/**
 * `auto` takes uWebSockets.js where a sound build loads, else Node's own server: a build that breaks what clients may send
 * (a PUT of 1 GB, 49 headers, a slow uplink) serves only who asks for it by name.
 */
export type Transport = 'auto' | 'uws' | 'node';

/** Throws when the transport asked for by name can't be had. */
export async function openListener(transport: Transport, options: ListenerOptions, handler: ExchangeHandler): Promise<Listener> {
  if (transport === 'node') return openNodeListener(options, handler);
  const build = loadUws({ soundOnly: transport === 'auto' });
  if ('uws' in build && (build.sound || (transport === 'uws' && options.tls === undefined)))
    return openUwsListener(build, options, handler);
  if (transport === 'auto') return openNodeListener(options, handler);
  if ('uws' in build) throw new Error(`transport uws: uWebSockets.js ${build.version} does not serve TLS reliably; use auto or node`);
  throw new Error(`transport uws: no build of uWebSockets.js loads here\n${build.map((reason) => `  ${reason}`).join('\n')}`);
}

/** What `liteio version` shows: each transport, and why one is missing. */
export async function describeTransports(): Promise<readonly string[]> {
  const build = loadUws();
  const uws =
    'uws' in build
      ? [`uws ${build.version}${build.sound ? '' : ' (old: only with --transport uws, plain HTTP only)'}`]
      : build.map((reason) => `uws unavailable: ${reason}`);
  return [...uws, `node ${process.versions.node}`].map((line) => `transport ${line}`);
}
