import type { ExchangeHandler, Listener, ListenerOptions } from './listener.ts';
import { openNodeListener } from './node-listener.ts';

export type Transport = 'auto' | 'uws' | 'node';

export function openListener(_transport: Transport, options: ListenerOptions, handler: ExchangeHandler): Promise<Listener> {
  return openNodeListener(options, handler);
}
