import type { RunListener } from '../../bench/run/run-listener.ts';

/** Hears nothing but what is told to it. */
export function silentListener(more: Partial<RunListener> = {}): RunListener {
  const nothing = (): void => undefined;
  return {
    runBegun: nothing,
    preparing: nothing,
    serverReady: nothing,
    turnBegun: nothing,
    sampled: nothing,
    turnFinished: nothing,
    lineFinished: nothing,
    serverFailed: nothing,
    ...more,
  };
}
