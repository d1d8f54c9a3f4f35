/**
 * The life of any actor, as a state machine:
 *
 *   recovering -> running -> stopped      left memory, or the system closes
 *       ^  |         |  \\
 *       |  v         v   -> failed         another writer lives: this one stops for good
 *      backingOff <--'                     an append failed: its state is gone
 *
 * Messages are sent when something happens to the actor, none for a command: a machine's message costs more than deciding one.
 */
import { type Actor, createActor, setup } from 'xstate';
import type { Clock } from '../clock.ts';

export type Phase = 'recovering' | 'running' | 'backingOff' | 'stopped' | 'failed';

type Message = { type: 'recovered' } | { type: 'recoveryFailed' } | { type: 'appendFailed' } | { type: 'conflict' } | { type: 'stop' };

interface LifeCycleInput {
  /** How long the next pause is. */
  readonly backOffMilliseconds: () => number;
}

const lifeCycleMachine = setup({
  types: { context: {} as LifeCycleInput, input: {} as LifeCycleInput, events: {} as Message },
  delays: { backOff: ({ context }) => context.backOffMilliseconds() },
}).createMachine({
  id: 'actor',
  context: ({ input }) => input,
  initial: 'recovering',
  on: { stop: '.stopped' },
  states: {
    recovering: { on: { recovered: 'running', recoveryFailed: 'backingOff' } },
    running: { on: { appendFailed: 'backingOff', conflict: 'failed' } },
    backingOff: { after: { backOff: 'recovering' } },
    stopped: { type: 'final' },
    failed: { type: 'final' },
  },
});

export type LifeCycle = Actor<typeof lifeCycleMachine>;

/** Starts in `recovering`; `onPhase` hears of every later phase. Delays run on the injected clock. */
export function startLifeCycle(clock: Clock, input: LifeCycleInput, onPhase: (phase: Phase) => void): LifeCycle {
  const lifeCycle = createActor(lifeCycleMachine, { input, clock: timersOf(clock) });
  let phase: Phase = 'recovering';
  lifeCycle.subscribe((snapshot) => {
    if (snapshot.value === phase) return;
    phase = snapshot.value as Phase;
    onPhase(phase);
  });
  return lifeCycle.start();
}

function timersOf(clock: Clock): {
  setTimeout(task: () => void, milliseconds: number): () => void;
  clearTimeout(cancel: () => void): void;
} {
  return { setTimeout: (task, milliseconds) => clock.after(milliseconds, task), clearTimeout: (cancel) => cancel?.() };
}
