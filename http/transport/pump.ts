import type { Body } from '../../engine/body.ts';
import type { Departure } from './departure.ts';

/** Where an answer's bytes go. */
export interface AnswerSink {
  readonly departure: Departure;
  /** From now on the answer is sent whole, or cut. */
  begin(): void;
  /** Resolves once the bytes are taken over, so that their memory may be used again, or the client has gone. */
  write(chunk: Uint8Array, isLast: boolean): Promise<void>;
  /** The answer can't be completed: the client shall see it short. */
  cut(trouble: unknown): void;
}

/** Carries `contentLength` bytes from body to sink, never more than one chunk ahead. Throws what the first read throws: then nothing was sent. */
export async function pump(body: Body, contentLength: number, sink: AnswerSink): Promise<void> {
  try {
    const first = await sink.departure.until(body.read());
    sink.begin();
    await carry(first ?? null, body, contentLength, sink).catch((trouble) => sink.cut(trouble));
  } finally {
    body.cancel();
  }
}

async function carry(first: Uint8Array | null, body: Body, contentLength: number, sink: AnswerSink): Promise<void> {
  const { departure } = sink;
  let chunk: Uint8Array | null | undefined = first;
  let left = contentLength;
  while (!departure.gone) {
    left -= chunk?.byteLength ?? 0;
    if (left < 0) throw new Error(`a body was longer than the ${contentLength} bytes given for it`);
    if (left > 0 && chunk === null) throw new Error(`a body was ${left} bytes short of the ${contentLength} given for it`);
    if (chunk && chunk.byteLength > 0) await sink.write(chunk, left === 0);
    else if (contentLength === 0) await sink.write(nothing, true);
    if (left === 0) return;
    chunk = await departure.until(body.read());
  }
}

const nothing = new Uint8Array(0);
