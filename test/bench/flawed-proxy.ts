/** A proxy in front of a real server that spoils answers the way a wrong server would, and remembers what was put through it. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ProxyAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

export interface ProxyRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
}

/** What becomes of an answer: itself, another one, or `cut`: half of it, then the connection is closed. */
export type Flaw = (answer: ProxyAnswer, request: ProxyRequest) => ProxyAnswer | 'cut';

export interface FlawedProxy {
  readonly endpoint: string;
  /** `method path MD5-of-body`, in the order in which they came. */
  readonly seen: readonly string[];
  flaw: Flaw;
  /** Answers in place of the server, where it gives one. */
  instead: (request: ProxyRequest) => ProxyAnswer | undefined;
  close(): Promise<void>;
}

export async function startFlawedProxy(target: string): Promise<FlawedProxy> {
  const seen: string[] = [];
  const server: Server = createServer((incoming, outgoing) => {
    void forward(incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy: FlawedProxy = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    flaw: (answer) => answer,
    instead: () => undefined,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };

  async function forward(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const asked = { method: incoming.method ?? '', target: incoming.url ?? '', headers: incoming.headers };
    const body = await bytesOf(incoming);
    seen.push(`${asked.method} ${asked.target} ${createHash('md5').update(body).digest('hex')}`);
    const answer = proxy.instead(asked) ?? (await ask(new URL(target), incoming, body));
    send(outgoing, proxy.flaw(answer, asked), answer);
  }

  return proxy;
}

/** The request as it came: its signature holds, since the Host header goes along. */
async function ask(target: URL, { method, url, headers }: IncomingMessage, body: Buffer): Promise<ProxyAnswer> {
  const sent = request({ host: target.hostname, port: target.port, method, path: url, headers });
  sent.end(body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const found = Object.entries(answer.headers).map(([name, value]) => [name, String(value)]);
  return { status: answer.statusCode ?? 0, headers: Object.fromEntries(found), body: await bytesOf(answer) };
}

function send(outgoing: ServerResponse, flawed: ProxyAnswer | 'cut', { status, headers, body }: ProxyAnswer): void {
  if (flawed === 'cut') {
    outgoing.writeHead(status, headers);
    outgoing.write(body.subarray(0, body.length / 2), () => outgoing.destroy());
    return;
  }
  const { 'transfer-encoding': _, ...rest } = flawed.headers;
  // An answer to HEAD tells the length of what it does not hold.
  const length = flawed.body.length === 0 && body.length === 0 ? {} : { 'content-length': String(flawed.body.length) };
  outgoing.writeHead(flawed.status, { ...rest, ...length });
  outgoing.end(flawed.body);
}

async function bytesOf(stream: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
