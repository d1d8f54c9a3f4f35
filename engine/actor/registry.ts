/** The actors in memory: found by stream, started on demand, gone when idle, bounded in number. */
import { Fault } from '../fault.ts';
import { Actor, type ActorParts } from './actor.ts';
import type { AnyKind } from './decider.ts';

export type RegistryParts = Omit<ActorParts, 'kind' | 'name' | 'stream' | 'suspect'>;

interface Place {
  readonly actor: Actor;
  readonly stream: string;
  /** Of the sweep before the last command. */
  sweep: number;
  /** When a failed actor was found failed, ms. */
  failedAt: number | undefined;
}

export class Registry {
  private readonly parts: RegistryParts;
  private readonly places = new Map<string, Place>();
  private sweeps = 0;
  private cancelSweep: (() => void) | undefined;

  constructor(parts: RegistryParts) {
    this.parts = parts;
  }

  /** The live actor, started if need be. A failed one is replaced after a pause. @throws Fault 'overloaded' no room for another. */
  find(kind: AnyKind, name: string): Actor {
    const stream = `${kind.name}/${name}`;
    const place = this.places.get(stream);
    if (place === undefined) return this.start(kind, name, false);
    if (place.actor.phase === 'failed' && this.mayReplace(place)) return this.start(kind, name, true);
    place.sweep = this.sweeps;
    return place.actor;
  }

  get actors(): Iterable<Actor> {
    return [...this.places.values()].map(({ actor }) => actor);
  }

  /** Every actor has been asked for quiet before. */
  stopAll(): void {
    this.cancelSweep?.();
    for (const place of [...this.places.values()]) this.passivate(place);
  }

  private start(kind: AnyKind, name: string, suspect: boolean): Actor {
    const stream = `${kind.name}/${name}`;
    // What the journal remembers of the stream may be as wrong as the failed actor was.
    if (suspect) this.release(stream);
    else if (this.places.size >= this.parts.limits.liveActorsMax) this.makeRoom();
    const actor = new Actor({ ...this.parts, kind, name, stream, suspect });
    this.places.set(stream, { actor, stream, sweep: this.sweeps, failedAt: undefined });
    this.cancelSweep ??= this.scheduleSweep();
    return actor;
  }

  private mayReplace(place: Place): boolean {
    const now = this.parts.clock.now();
    place.failedAt ??= now;
    return now - place.failedAt >= this.parts.limits.backOffMaxMilliseconds;
  }

  private makeRoom(): void {
    for (const place of this.places.values()) {
      if (!place.actor.idle) continue;
      this.passivate(place);
      return;
    }
    throw new Fault('overloaded', `${this.places.size} actors are busy`);
  }

  private passivate({ actor, stream }: Place): void {
    this.places.delete(stream);
    actor.stop();
    this.release(stream);
  }

  /** The journal may ask the state store before it forgets; while that is away it goes on remembering. */
  private release(stream: string): void {
    try {
      this.parts.journal.release(stream);
    } catch (error) {
      this.parts.log('warn', 'stream not released', { stream, error: (error as Error).message });
    }
  }

  /** An actor leaves at the second sweep after its last command: after one to two times half of the idle time. */
  private scheduleSweep(): () => void {
    return this.parts.clock.after(this.parts.limits.actorIdleMilliseconds / 2, () => {
      for (const place of [...this.places.values()]) if (this.sweeps - place.sweep >= 2 && place.actor.idle) this.passivate(place);
      this.sweeps += 1;
      this.cancelSweep = this.places.size > 0 ? this.scheduleSweep() : undefined;
    });
  }
}
