/** Metadata beyond ASCII: what S3 was recorded to make of it, on both transports. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeWords, encodeWords } from '../../http/request/encoded-words.ts';
import { loadUws } from '../../http/transport/uws-build.ts';
import { type RawClient, refused, startRaw } from '../support/raw-client.ts';
import { RawSocket } from '../support/raw-socket.ts';
import { type RunningServer, startServer } from '../support/server.ts';
import { sha256Hex, signHeader } from '../support/sign.ts';

const recorded: readonly (readonly [text: string, word: string])[] = [
  ['test_—_file%E2%80%94_é_2?.pdf', '=?UTF-8?Q?test=5F=E2=80=94=5Ffile%E2%80%94=5F=C3=A9=5F2=3F.pdf?='],
  ['ÄMÄZÕÑ S3', '=?UTF-8?Q?=C3=84M=C3=84Z=C3=95=C3=91_S3?='],
  ['\x00\x01\x02\x03', '=?UTF-8?B?AAECAw==?='],
  ['\ufffd', '=?UTF-8?B?77+9?='],
];

test('words as S3 was recorded to write and read them', () => {
  for (const [text, word] of recorded) {
    assert.equal(encodeWords(text), word);
    assert.equal(decodeWords(word), text);
  }
  for (const plain of ['', 'a b_c=d?e', '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~ \t']) {
    assert.equal(encodeWords(plain), plain);
    assert.equal(decodeWords(plain), plain);
  }
  for (const [word, text] of [
    ['=?UTF-8?Q?actually-ascii?=', 'actually-ascii'],
    ['=?utf-8?b?YWJj?=', 'abc'],
    ['=?ISO-8859-1?Q?caf=E9?=', 'café'],
    ['so =?UTF-8?Q?gr=C3=BCn?= it is', 'so grün it is'],
    ['=?UTF-8?Q?gr=C3=BCn?= =?UTF-8?B?YWJj?=', 'grünabc'],
  ] as const) {
    assert.equal(decodeWords(word), text);
  }
  for (const unreadable of ['=?UTF-8?B?=GGG?=', '=?UTF-8?Q?=FF?=', '=?UTF-8?Q?=G1?=', '=?KOI8-R?Q?a?=', '=?UTF-8?X?a?=', '=?UTF-8?Q?a']) {
    assert.equal(decodeWords(unreadable), unreadable);
  }
});

test('whatever is stored goes out as printable ASCII and comes back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      const sent = encodeWords(text);
      assert.match(sent, /^[\t -~]*$/);
      if (sent !== text) assert.equal(decodeWords(sent), text);
    }),
    { numRuns: 500 },
  );
});

const build = loadUws();

for (const transport of ['node', 'uws']) {
  const skip = transport === 'uws' && !('uws' in build) && `no build of uWebSockets.js loads here: ${build.join(' ')}`;
  test(`metadata beyond ASCII over ${transport}`, { skip }, async () => {
    const server = await startServer({ args: ['--transport', transport] });
    const raw = startRaw(server);
    try {
      await raw.must({ method: 'PUT', bucket: 'words' });
      await overTheWire(server, raw);
    } finally {
      raw.close();
      await server.stop();
    }
  });
}

/** A PUT with header values as bytes, those of `unsigned` outside of the signature. */
async function putBytes(server: RunningServer, values: Readonly<Record<string, Buffer>>, unsigned: readonly string[] = []) {
  const { host } = new URL(server.endpoint);
  const texts = Object.fromEntries(Object.entries(values).map(([name, bytes]) => [name, bytes.toString()]));
  const draft = { method: 'PUT', path: '/words/k', headers: { host, ...texts } };
  const signed = signHeader(draft, { ...server, region: 'us-east-1' }, { time: Date.now(), payload: sha256Hex(''), unsigned });
  const lines = Object.entries({ ...signed.headers, 'content-length': '0', connection: 'close' }).map(([name, value]) => {
    return Buffer.concat([Buffer.from(`${name}: `), values[name] ?? Buffer.from(value), Buffer.from('\r\n')]);
  });
  const socket = await RawSocket.open(server.port);
  socket.write(Buffer.concat([Buffer.from(`PUT ${signed.path} HTTP/1.1\r\n`), ...lines, Buffer.from('\r\n')]));
  return socket.answer();
}

async function overTheWire(server: RunningServer, raw: RawClient): Promise<void> {
  const read = () => raw.call({ method: 'GET', bucket: 'words', key: 'k' });
  for (const [text, word] of [recorded[0]!, recorded[1]!]) {
    for (const sent of [text, word]) {
      const put = await putBytes(server, { 'x-amz-meta-a': Buffer.from(`.${sent}.`) });
      assert.equal(put.status, 200, put.body.toString());
      assert.equal((await read()).headers['x-amz-meta-a'], encodeWords(`.${text}.`));
    }
    const control = `attachment; filename="${text}.pdf"`;
    assert.equal((await putBytes(server, { 'content-disposition': Buffer.from(control) })).status, 200);
    assert.equal((await read()).headers['content-disposition'], control, 'S3 sends its own headers raw');
  }
  const hidden = await putBytes(server, { 'x-amz-meta-a': Buffer.from('=?UTF-8?Q?a=0D=0Ax-amz-meta-b:_c?=') });
  assert.equal(hidden.status, 200);
  const answer = await read();
  assert.equal(answer.headers['x-amz-meta-a'], '=?UTF-8?B?YQ0KeC1hbXotbWV0YS1iOiBj?=');
  assert.equal(answer.headers['x-amz-meta-b'], undefined);
  const overridden = (value: string) => raw.call({ method: 'GET', bucket: 'words', key: 'k', query: { 'response-cache-control': value } });
  const Message = 'Header value cannot be represented using ISO-8859-1.';
  refused(await overridden('a_—_é'), 400, 'InvalidArgument', { ArgumentName: 'response-cache-control', ArgumentValue: 'a_—_é', Message });
  assert.equal((await overridden('no-cache')).headers['cache-control'], 'no-cache');
  await raw.must({ method: 'DELETE', bucket: 'words', key: 'k' });
  for (const name of ['x-amz-meta-a', 'content-disposition']) {
    const broken = { [name]: Buffer.from([0x2e, 0x61, 0xff, 0x62, 0x2e]) };
    for (const unsigned of name === 'x-amz-meta-a' ? [[]] : [[], [name]]) {
      const facts = { ArgumentName: name, Message: 'Header value is not valid UTF-8.' };
      const answer = await putBytes(server, broken, unsigned);
      assert.equal(answer.status, 400, answer.body.toString());
      for (const [field, text] of Object.entries({ Code: 'InvalidArgument', ...facts })) {
        assert.ok(answer.body.includes(`<${field}>${text}</${field}>`), answer.body.toString());
      }
    }
  }
  refused(await read(), 404, 'NoSuchKey');
}
