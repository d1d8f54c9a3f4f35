/**
 * The floor to measure against: the same transport as the S3 front end, with a handler that only reads and discards a PUT's body
 * and answers a GET with the bytes its key asks for (`/b/<anything>-<length>`). No signature, no storage.
 */
import { openListener } from '../http/transport/choose-listener.ts';
import type { Exchange } from '../http/transport/listener.ts';

const sent = new Map<number, Buffer>();

async function answer(exchange: Exchange): Promise<void> {
  if (exchange.method === 'PUT') {
    exchange.proceed();
    while ((await exchange.body.read()) !== null);
    exchange.send(200, [['etag', '"0"']]);
    return;
  }
  const length = Number(/-(\d+)$/.exec(exchange.path)?.[1] ?? 0);
  let bytes = sent.get(length);
  if (bytes === undefined) sent.set(length, (bytes = Buffer.alloc(length, 7)));
  exchange.send(200, [['content-type', 'binary/octet-stream']], bytes);
}

const transport = process.argv[2] ?? 'auto';
if (transport !== 'auto' && transport !== 'uws' && transport !== 'node') throw new Error(`no such transport: ${transport}`);
const listener = await openListener(transport, { host: '127.0.0.1', port: 0, tls: undefined }, answer);
console.log(`listening ${listener.port} ${listener.transport}`);
process.on('SIGTERM', () => process.exit(0));
