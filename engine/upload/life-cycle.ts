/**
 * The life of an upload as XState runs it: open -> sealing -> completed | aborted. While it is sealed no part is accepted, so that what
 * was put together is what is committed. The seal is held in memory alone: after a crash an upload is open, or its end is in the journal.
 */
import { type ActorRefFrom, createActor, createMachine } from 'xstate';
import { assert } from '../assert.ts';

const uploadLife = createMachine({
  id: 'upload',
  initial: 'open',
  states: {
    open: { on: { SEAL: 'sealing' } },
    sealing: { on: { REOPEN: 'open', COMPLETE: 'completed', ABORT: 'aborted' } },
    completed: { type: 'final' },
    aborted: { type: 'final' },
  },
});

/** How a seal ends. */
export type SealEnd = 'REOPEN' | 'COMPLETE' | 'ABORT';

interface Life {
  readonly actor: ActorRefFrom<typeof uploadLife>;
  /** Commands that know of this life; it is forgotten with the last. */
  users: number;
  /** Commands that wait for the end of a seal. */
  readonly waiting: (() => void)[];
}

/** Uploads with a command under way; those without have no life in memory. */
export class UploadLives {
  private readonly lives = new Map<string, Life>();

  /** A part is committed while the upload is open, after the seal if there is one. `work` gives its command away before its first wait. */
  async whileOpen<T>(uploadId: string, work: () => Promise<T>): Promise<T> {
    const life = this.enter(uploadId);
    try {
      while (isSealing(life)) await sealEnd(life);
      return await work();
    } finally {
      this.leave(uploadId, life);
    }
  }

  /** Completion and abortion, one at a time. `work` says how the seal ends; a throw reopens. */
  async sealed<T>(uploadId: string, work: () => Promise<{ readonly end: SealEnd; readonly answer: T }>): Promise<T> {
    const life = this.enter(uploadId);
    try {
      while (isSealing(life)) await sealEnd(life);
      if (isOver(life)) return (await work()).answer;
      life.actor.send({ type: 'SEAL' });
      assert(isSealing(life), `upload ${uploadId} is sealed`);
      let end: SealEnd = 'REOPEN';
      try {
        const done = await work();
        end = done.end;
        return done.answer;
      } finally {
        life.actor.send({ type: end });
        for (const wake of life.waiting.splice(0)) wake();
      }
    } finally {
      this.leave(uploadId, life);
    }
  }

  private enter(uploadId: string): Life {
    let life = this.lives.get(uploadId);
    if (life === undefined) {
      life = { actor: createActor(uploadLife).start(), users: 0, waiting: [] };
      this.lives.set(uploadId, life);
    }
    life.users += 1;
    return life;
  }

  private leave(uploadId: string, life: Life): void {
    life.users -= 1;
    if (life.users > 0) return;
    life.actor.stop();
    this.lives.delete(uploadId);
  }
}

function isSealing(life: Life): boolean {
  return life.actor.getSnapshot().value === 'sealing';
}

/** Whoever wakes looks again, in the same step in which it goes on: another may have sealed first. */
function sealEnd(life: Life): Promise<void> {
  return new Promise((resolve) => life.waiting.push(resolve));
}

function isOver(life: Life): boolean {
  return life.actor.getSnapshot().status !== 'active';
}
