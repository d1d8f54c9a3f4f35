/** A listener with a handler that records, clients for it, and what to expect of a refusal. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { ExchangeHandler, Listener, ListenerOptions } from '../../http/transport/listener.ts';
import { ProbeHandler } from './probe-handler.ts';
import { type RawAnswer, RawSocket } from './raw-socket.ts';

/** What becomes of a request that should be refused: 400 or 431 and the connection closed, closed without a word, neither within the time that a test gives it; or it is taken after all. */
export type Refusal = 'told' | 'closed' | 'hangs' | 'served';

/** Where a transport may differ, and must differ as it says. */
export interface TransportTraits {
  readonly malformed: Readonly<Record<string, Refusal>>;
  readonly answersContinueItself: boolean;
  readonly chunkExtensions: 'served' | 'hangs';
  readonly ninetyHeaders: 'served' | 'hangs';
  readonly splitHeaderBlock8k: 'served' | 'closed';
  readonly headersOf20k: Refusal;
  readonly utf8AtValueEnds: 'kept' | 'lost';
  readonly namesItself: boolean;
  readonly brokenChunkSize: Refusal;
  /** A second request before the first one's answer. */
  readonly pipelined: 'in order' | 'closed';
  /** A client that closes its side behind its request. */
  readonly halfClosed: 'answered' | 'closed';
  /** A refusal without a handler, while the client still sends a body: it is read, or lost in a reset. */
  readonly refusalsOfFraming: 'read' | 'lost';
  /** Nothing more comes of a body. */
  readonly stalledBody: 'told' | 'closed';
  /** Content-Length: 5368709120. */
  readonly fiveGibibytes: 'served' | 'closed';
  /** As the checks of balancers speak it. */
  readonly http10: Refusal;
  /** 1 KB/s. */
  readonly slowBody: 'served' | 'closed';
  /** After the refusal of a body of which more than is dropped is still to come. */
  readonly endlessBodyClosedWithinSeconds: number;
}

export type OpenListener = (options: ListenerOptions, handler: ExchangeHandler) => Promise<Listener>;

export interface Stage {
  readonly listener: Listener;
  readonly probe: ProbeHandler;
  readonly reported: unknown[];
}

export const hangMilliseconds = 400;
export const host = 'Host: a.example\r\n';

/** A test on a listener of its own, closed afterwards; every exchange must have come to its end by then. */
export function on(
  open: OpenListener,
  name: string,
  body: (stage: Stage) => Promise<void>,
  more: Pick<ListenerOptions, 'stallMilliseconds'> = {},
): void {
  test(name, { timeout: 60_000 }, async () => {
    const probe = new ProbeHandler();
    const reported: unknown[] = [];
    const options = { host: '127.0.0.1', port: 0, tls: undefined, report: (defect: unknown) => reported.push(defect), ...more };
    const listener = await open(options, probe.handle);
    try {
      await body({ listener, probe, reported });
    } finally {
      await listener.close(0);
    }
  });
}

export async function using(stage: Stage, body: (client: RawSocket) => Promise<void>): Promise<void> {
  const client = await RawSocket.open(stage.listener.port);
  try {
    await body(client);
  } finally {
    client.destroy();
  }
}

export async function expectRefusal(client: RawSocket, refusal: Refusal, statuses: readonly number[]): Promise<void> {
  if (refusal === 'hangs') {
    assert.equal(await client.endsWithin(hangMilliseconds), false, 'it hangs');
    assert.equal(client.received.toString('latin1'), '');
    return;
  }
  assert.ok(await client.endsWithin(3000), 'the connection is closed');
  if (refusal === 'told') assert.ok(statuses.includes((await client.answer()).status));
  assert.equal(client.received.toString('latin1'), '', 'nothing behind it was answered');
}

export interface Echo {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly contentLength?: number;
  readonly sourceAddress: string;
  readonly secure: boolean;
  readonly bytes: number;
  readonly sha256: string;
}

export function echoOf(answer: RawAnswer): Echo {
  assert.equal(answer.status, 200);
  return JSON.parse(answer.body.toString()) as Echo;
}

export function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export async function eventually(what: string, reached: () => boolean): Promise<void> {
  for (let waited = 0; !reached(); waited += 10) {
    assert.ok(waited < 5000, what);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
