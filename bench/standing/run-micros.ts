/** Runs the micro benchmarks one after the other in this process. */
import { Bench } from 'tinybench';
import type { Micro, MicroFigure, MicroSet } from './micro.ts';
import { openCodecMicros } from './micro-codec.ts';
import { openDecideMicros } from './micro-decide.ts';
import { openErasureMicros } from './micro-erasure.ts';
import { openHashingMicros } from './micro-hashing.ts';
import { openJournalMicros } from './micro-journal.ts';
import { openSignatureMicros } from './micro-signature.ts';

const sets: readonly (() => MicroSet | Promise<MicroSet>)[] = [
  openCodecMicros,
  openDecideMicros,
  openJournalMicros,
  openErasureMicros,
  openHashingMicros,
  openSignatureMicros,
];

export interface MicroLimits {
  /** Measured time of each, in milliseconds; a quarter of it before, to warm up. */
  readonly milliseconds: number;
  /** Of each, however long they take; 64 unless told. */
  readonly samplesMin?: number;
  /** Only those whose group or name contains this. */
  readonly only?: string;
}

/** Calls of a quick function are timed together for this long: a reading of the clock costs some 50 ns. */
const sampleMicroseconds = 20;

const samplesMinDefault = 64;

/** @throws the first error of a benchmark: what fails is not measured. */
export async function runMicros(limits: MicroLimits, told: (figure: MicroFigure) => void = () => undefined): Promise<MicroFigure[]> {
  const figures: MicroFigure[] = [];
  for (const open of sets) {
    const set = await open();
    try {
      for (const micro of set.micros) {
        if (!`${micro.group} ${micro.name}`.includes(limits.only ?? '')) continue;
        const figure = await measureMicro(micro, limits);
        figures.push(figure);
        told(figure);
      }
    } finally {
      await set.close();
    }
  }
  return figures;
}

/** Where results go, so that the compiler can't find them unused. */
let sink: unknown;

async function measureMicro(micro: Micro, { milliseconds, samplesMin = samplesMinDefault }: MicroLimits): Promise<MicroFigure> {
  const first = micro.run();
  const waits = first instanceof Promise;
  await first;
  const calls = waits ? 1 : callsPerSample(micro);
  const warmUp = { warmupTime: milliseconds / 4, warmupIterations: samplesMin / 4 };
  const bench = new Bench({ time: milliseconds, iterations: samplesMin, ...warmUp, retainSamples: true, throws: true });
  const several = (): void => {
    for (let call = 0; call < calls; call += 1) sink = micro.run();
  };
  bench.add(micro.name, waits ? () => micro.run() : several, { async: waits });
  const [task] = await bench.run();
  const result = task?.result;
  if (result?.state !== 'completed') throw new Error(`${micro.group}, ${micro.name}: ${result?.state}`);
  return figureOf(micro, result.latency.samples ?? [], calls);
}

/** Doubled until one sample is long enough; that also compiles the function. */
function callsPerSample(micro: Micro): number {
  for (let calls = 1; ; calls *= 2) {
    const begun = performance.now();
    for (let call = 0; call < calls; call += 1) sink = micro.run();
    if ((performance.now() - begun) * 1000 >= sampleMicroseconds) return calls;
  }
}

/** `samples`: milliseconds of `calls` calls each, ascending. */
function figureOf({ group, name, bytes, operations = 1 }: Micro, samples: readonly number[], calls: number): MicroFigure {
  const at = (share: number): number => ((samples[Math.floor((samples.length - 1) * share)] ?? Number.NaN) * 1000) / calls;
  const microseconds = at(0.5) / operations;
  const spread = { fifthPercentile: at(0.05) / operations, ninetyFifthPercentile: at(0.95) / operations };
  const figure = { group, name, microseconds, ...spread, samples: samples.length };
  return bytes === undefined ? figure : { ...figure, bytesPerSecond: (bytes * 1e6) / at(0.5) };
}

/** What the last function answered: read by nobody, but V8 can't know. */
export const lastAnswer = (): unknown => sink;
