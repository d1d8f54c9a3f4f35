/** What every HTTP transport must do with a request: where it ends, what the handler sees of it, what becomes of its body. */
import assert from 'node:assert/strict';
import { Fault } from '../../engine/fault.ts';
import {
  echoOf,
  eventually,
  expectRefusal,
  hangMilliseconds,
  host,
  type OpenListener,
  on,
  sha256,
  type TransportTraits,
  using,
} from './listener-stage.ts';
import { malformedRequests } from './malformed-requests.ts';

/** At 1 KB/s longer than the longest time that a build gives a slow sender: 32 s. */
const slowBodyBytes = 36_000;

export function framing(open: OpenListener, traits: TransportTraits): void {
  for (const [what, bytes] of Object.entries(malformedRequests)) {
    const refusal = traits.malformed[what] ?? 'told';
    on(open, `${what}: ${refusal}`, (stage) =>
      using(stage, async (client) => {
        client.write(bytes);
        await expectRefusal(client, refusal, [400, 505]);
        assert.deepEqual(stage.probe.paths, []);
      }),
    );
    on(open, `${what}: what comes behind it is not served`, (stage) =>
      using(stage, async (client) => {
        client.write(`${bytes}GET /smuggled HTTP/1.1\r\n${host}\r\n`);
        await client.endsWithin(hangMilliseconds);
        assert.match(client.received.toString('latin1'), /^(HTTP\/1\.1 (400|505) (?!.*HTTP\/1\.1).*)?$/s);
        assert.deepEqual(stage.probe.paths, []);
      }),
    );
  }
  on(open, `20 KiB of headers: ${traits.headersOf20k}`, (stage) =>
    using(stage, async (client) => {
      client.write(`GET /x HTTP/1.1\r\n${host}X-A: ${'a'.repeat(20 * 1024)}\r\n\r\n`);
      await expectRefusal(client, traits.headersOf20k, [431]);
    }),
  );
  on(open, `HTTP/1.0 from a proxy: ${traits.http10}`, (stage) =>
    using(stage, async (client) => {
      client.write(`PUT /x HTTP/1.0\r\n${host}Connection: close\r\nContent-Length: 5\r\n\r\nhello`);
      if (traits.http10 !== 'served') return expectRefusal(client, traits.http10, [505]);
      assert.equal(echoOf(await client.answer()).sha256, sha256('hello'));
      assert.ok(await client.endsWithin(3000));
    }),
  );
  on(open, `a chunk size that is no number: ${traits.brokenChunkSize}`, (stage) =>
    using(stage, async (client) => {
      client.write(`PUT /x?id=1 HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n`);
      await expectRefusal(client, traits.brokenChunkSize, [400]);
      const record = stage.probe.record('1');
      if (record.finished) assert.ok(record.thrown instanceof Fault && record.thrown.kind === 'clientGone');
    }),
  );
}

export function requests(open: OpenListener, traits: TransportTraits): void {
  on(open, 'a request that comes byte by byte', (stage) =>
    using(stage, async (client) => {
      await client.trickle(`PUT /a/b?c=d HTTP/1.1\r\n${host}Content-Length: 5\r\nX-A: 1\r\n\r\nhello`, 1, 2);
      const echo = echoOf(await client.answer());
      assert.deepEqual([echo.method, echo.path, echo.query, echo.sha256], ['PUT', '/a/b', 'c=d', sha256('hello')]);
      const names = echo.headers.map(([each]) => each);
      assert.deepEqual(names, ['host', 'content-length', 'x-a']);
    }),
  );
  on(open, 'many requests on one connection', (stage) =>
    using(stage, async (client) => {
      for (let i = 0; i < 200; i++) {
        const body = 'x'.repeat(i % 7);
        client.write(`PUT /${i} HTTP/1.1\r\n${host}Content-Length: ${body.length}\r\n\r\n${body}`);
        const echo = echoOf(await client.answer());
        assert.deepEqual([echo.path, echo.bytes, echo.contentLength], [`/${i}`, body.length, body.length]);
      }
    }),
  );
  on(open, 'pipelined requests are answered in order, or the connection closes', (stage) =>
    using(stage, async (client) => {
      client.write(`PUT /1 HTTP/1.1\r\n${host}Content-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\n${host}\r\nGET /3 HTTP/1.1\r\n${host}\r\n`);
      let answered = 0;
      try {
        for (; answered < 3; answered++) assert.equal(echoOf(await client.answer()).path, `/${answered + 1}`);
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        assert.ok(await client.endsWithin(2000));
        assert.equal(client.received.length, 0);
      }
    }),
  );
  const targets = ['/a%2Fb', '//a//b', '/../a/./b', '/a+b%20c', '/%E2%98%83', '/a;b=c', '/a?b=%2F+&&c', '/a?', '/a?b?c', '/a%zz'];
  on(open, 'path and query arrive as they were sent', (stage) =>
    using(stage, async (client) => {
      for (const target of targets) {
        client.write(`GET ${target} HTTP/1.1\r\n${host}\r\n`);
        const echo = echoOf(await client.answer());
        const mark = target.indexOf('?');
        assert.deepEqual([echo.path, echo.query], mark < 0 ? [target, ''] : [target.slice(0, mark), target.slice(mark + 1)]);
      }
    }),
  );
  on(open, 'headers keep their order and duplicates, and lose outer blanks', (stage) =>
    using(stage, async (client) => {
      client.write(`GET /x HTTP/1.1\r\n${host}X-A:  1 \t\r\nx-b: \r\nX-a: two  words\r\nX-A:3\r\n\r\n`);
      assert.deepEqual(echoOf(await client.answer()).headers.slice(1), [
        ['x-a', '1'],
        ['x-b', ''],
        ['x-a', 'two  words'],
        ['x-a', '3'],
      ]);
    }),
  );
  on(open, `UTF-8 in header values; at their ends it is ${traits.utf8AtValueEnds}`, (stage) =>
    using(stage, async (client) => {
      client.write(Buffer.from(`GET /x HTTP/1.1\r\n${host}X-A: grüße ☃.\r\nX-B: ☃\r\n\r\n`, 'utf8'));
      const { headers } = echoOf(await client.answer());
      assert.deepEqual(headers.slice(1), [
        ['x-a', 'grüße ☃.'],
        ['x-b', traits.utf8AtValueEnds === 'kept' ? '☃' : ''],
      ]);
    }),
  );
  on(open, '8 KiB in one header, and in forty', (stage) =>
    using(stage, async (client) => {
      client.write(`GET /x HTTP/1.1\r\n${host}X-A: ${'a'.repeat(8192)}\r\n\r\n`);
      assert.equal(echoOf(await client.answer()).headers[1]?.[1].length, 8192);
      const many = Array.from({ length: 40 }, (_, i) => `X-${i}: ${'b'.repeat(200)}\r\n`).join('');
      client.write(`GET /x HTTP/1.1\r\n${host}${many}\r\n`);
      assert.equal(echoOf(await client.answer()).headers.length, 41);
    }),
  );
  on(open, `ninety headers: ${traits.ninetyHeaders}`, (stage) =>
    using(stage, async (client) => {
      const many = Array.from({ length: 89 }, (_, i) => `X-${i}: ${i}\r\n`).join('');
      client.write(`GET /x HTTP/1.1\r\n${host}${many}\r\n`);
      if (traits.ninetyHeaders === 'hangs') await expectRefusal(client, 'hangs', []);
      else assert.equal(echoOf(await client.answer()).headers.length, 90);
    }),
  );
  on(open, `8 KiB of headers in two packets: ${traits.splitHeaderBlock8k}`, (stage) =>
    using(stage, async (client) => {
      client.write(`GET /x HTTP/1.1\r\n${host}X-A: ${'a'.repeat(6000)}`);
      if (traits.splitHeaderBlock8k === 'closed') return expectRefusal(client, 'closed', []);
      await client.trickle(`${'a'.repeat(2192)}\r\n\r\n`, 4096, 50);
      assert.equal(echoOf(await client.answer()).headers.length, 2);
    }),
  );
  on(open, 'who asks, and how', (stage) =>
    using(stage, async (client) => {
      client.write(`GET / HTTP/1.1\r\n${host}\r\n`);
      const echo = echoOf(await client.answer());
      assert.deepEqual([echo.sourceAddress, echo.secure, echo.path, echo.contentLength], ['127.0.0.1', false, '/', 0]);
    }),
  );
}

export function bodies(open: OpenListener, traits: TransportTraits): void {
  on(open, 'chunked bodies', (stage) =>
    using(stage, async (client) => {
      client.write(`PUT /x HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`);
      await client.trickle('6\r\n world\r\n0\r\n\r\n', 1, 2);
      const echo = echoOf(await client.answer());
      assert.deepEqual([echo.sha256, echo.contentLength], [sha256('hello world'), undefined]);
      client.write(`PUT /x HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`);
      assert.equal(echoOf(await client.answer()).bytes, 0);
    }),
  );
  on(open, `chunk extensions and trailers: ${traits.chunkExtensions}`, (stage) =>
    using(stage, async (client) => {
      client.write(`PUT /x HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-T: 1\r\n\r\n`);
      if (traits.chunkExtensions === 'hangs') return expectRefusal(client, 'hangs', []);
      assert.equal(echoOf(await client.answer()).sha256, sha256('hello'));
      client.write(`GET /next HTTP/1.1\r\n${host}\r\n`);
      assert.equal(echoOf(await client.answer()).path, '/next');
    }),
  );
  on(open, 'a body that nobody reads for a while', (stage) =>
    using(stage, async (client) => {
      const body = Buffer.alloc(3_000_000, 'abcdefg');
      client.write(`PUT /do/wait-and-echo?id=1 HTTP/1.1\r\n${host}Content-Length: ${body.length}\r\n\r\n`);
      client.write(body);
      setTimeout(() => stage.probe.record('1').release(), 300);
      assert.equal(echoOf(await client.answer()).sha256, sha256(body));
    }),
  );
  on(open, `Expect: 100-continue is answered ${traits.answersContinueItself ? 'by the transport' : 'when the handler goes on'}`, (stage) =>
    using(stage, async (client) => {
      client.write(`PUT /do/wait-and-echo?id=1 HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n`);
      if (!traits.answersContinueItself) await expectRefusal(client, 'hangs', []);
      stage.probe.record('1').release();
      assert.equal((await client.answer()).status, 100);
      client.write('hello');
      assert.equal(echoOf(await client.answer()).sha256, sha256('hello'));
    }),
  );
  on(open, 'a refused request that expects 100-continue', (stage) =>
    using(stage, async (client) => {
      client.write(`PUT /do/refuse HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n`);
      if (traits.answersContinueItself) assert.equal((await client.answer()).status, 100);
      const answer = await client.answer();
      assert.equal(answer.status, 403);
      // Without 100 the client may send the body or not: nothing that follows could be told from it.
      assert.equal(answer.header('connection') === 'close', !traits.answersContinueItself);
    }),
  );
  for (const bytes of [5, 300_000, 8 << 20]) {
    on(open, `a refusal before the ${bytes} bytes of a body are read leaves the connection usable`, (stage) =>
      using(stage, async (client) => {
        client.write(`PUT /do/refuse HTTP/1.1\r\n${host}Content-Length: ${bytes}\r\n\r\n`);
        client.write(Buffer.alloc(bytes));
        const answer = await client.answer();
        assert.deepEqual([answer.status, answer.header('x-why'), answer.body.toString()], [403, 'refused', '<Error/>']);
        client.write(`GET /next HTTP/1.1\r\n${host}\r\n`);
        assert.equal(echoOf(await client.answer()).path, '/next');
      }),
    );
  }
  on(open, `a body of 1 KB/s: ${traits.slowBody}`, (stage) =>
    using(stage, async (client) => {
      client.write(`PUT /x HTTP/1.1\r\n${host}Content-Length: ${slowBodyBytes}\r\n\r\n`);
      await client.trickle('x'.repeat(slowBodyBytes), 1000, 1000);
      if (traits.slowBody === 'closed') assert.ok(await client.endsWithin(3000));
      else assert.equal(echoOf(await client.answer()).bytes, slowBodyBytes);
    }),
  );
  on(open, `a body of 5 GiB: ${traits.fiveGibibytes}`, (stage) =>
    using(stage, async (client) => {
      client.write(`PUT /x?id=1 HTTP/1.1\r\n${host}Content-Length: ${5 * 1024 ** 3}\r\n\r\nhello`);
      if (traits.fiveGibibytes === 'closed') return expectRefusal(client, 'closed', []);
      await eventually('the first bytes are read', () => stage.probe.record('1').readBytes === 5);
    }),
  );
  on(open, 'a refusal in the middle of a body', (stage) =>
    using(stage, async (client) => {
      client.write(`PUT /do/refuse-after-first-bytes HTTP/1.1\r\n${host}Content-Length: 2000000\r\n\r\n`);
      client.write(Buffer.alloc(2_000_000));
      assert.equal((await client.answer()).status, 403);
    }),
  );
  on(open, 'a refusal is read by a client that closes, and by one that sends chunks', (stage) =>
    using(stage, async (client) => {
      client.write(`PUT /do/refuse HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n`);
      for (let i = 0; i < 20; i++) client.write(`10000\r\n${'x'.repeat(0x10000)}\r\n`);
      client.write('0\r\n\r\n');
      assert.equal((await client.answer()).status, 403);
      await using(stage, async (other) => {
        other.write(`PUT /do/refuse HTTP/1.1\r\n${host}Connection: close\r\nContent-Length: 4000000\r\n\r\n`);
        const taken = other.deliver(Buffer.alloc(4_000_000));
        assert.equal((await other.answer()).status, 403);
        // The answer comes before the body is through, and the server waits for the rest: its closing is timed from there.
        await taken;
        assert.ok(await other.endsWithin(3000));
        assert.equal(other.brokenBy, undefined);
      });
    }),
  );
  on(open, 'a refusal of an endless body is read, then the connection closes', (stage) =>
    using(stage, async (client) => {
      client.write(`PUT /do/refuse HTTP/1.1\r\n${host}Content-Length: ${900_000_000}\r\n\r\n`);
      const piece = Buffer.alloc(1 << 20);
      let sent = 0;
      const more = (error?: Error | null): void => {
        if (!error && sent++ < 64) client.socket.write(piece, more);
      };
      more();
      const answer = await client.answer();
      assert.deepEqual([answer.status, answer.header('connection')], [403, 'close']);
      assert.ok(await client.endsWithin(traits.endlessBodyClosedWithinSeconds * 1000));
      assert.ok(sent < 64, `${sent} MiB were taken`);
    }),
  );
}
