/** The micro benchmarks in a process of their own, with the thread pool that a server has; figures go to the parent as they come. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { MicroFigure } from './micro.ts';
import { type MicroLimits, runMicros } from './run-micros.ts';

/** As `liteio server` sets it: it must be known before the pool is first used. */
const poolThreads = '16';

export async function runMicroProcess(
  limits: MicroLimits,
  signal: AbortSignal,
  told: (figure: MicroFigure) => void,
): Promise<MicroFigure[]> {
  const figures: MicroFigure[] = [];
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(limits)], {
    env: { UV_THREADPOOL_SIZE: poolThreads, ...process.env },
    signal,
  });
  child.on('message', (figure) => {
    figures.push(figure as MicroFigure);
    told(figure as MicroFigure);
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`the micro benchmarks ended with ${code}`);
  return figures;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const limits = JSON.parse(process.argv[2] ?? '{}') as MicroLimits;
  await runMicros(limits, (figure) => process.send?.(figure));
  process.disconnect?.();
}
