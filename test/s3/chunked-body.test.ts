import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Body } from '../../engine/body.ts';
import { BodyRejected } from '../../engine/rejection.ts';
import { ChunkSignatures } from '../../http/auth/chunk-signatures.ts';
import { ChunkedBody, type ChunkedBodyOptions, chunkBytesMin, chunkHeaderBytesMax, trailerBytesMax } from '../../http/auth/chunked-body.ts';
import { HmacKey } from '../../http/auth/hmac-key.ts';
import { SigningKeys } from '../../http/auth/signing-keys.ts';
import { frameChunks, type Signed, signHeader } from '../support/sign.ts';

const signer = { accessKey: 'AKIAIOSFODNN7EXAMPLE', secretKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', region: 'us-east-1' };
const seed = signHeader({ method: 'PUT', path: '/b/k', headers: { host: 'h' } }, signer, { time: Date.UTC(2013, 4, 24), payload: 'x' });

/** Gives `bytes` out in pieces of the sizes that `cuts` repeats; each piece is wiped once the next is asked for, as a transport may. */
class Pieces implements Body {
  cancelled = false;
  #at = 0;
  #turn = 0;
  #given: Uint8Array | undefined;
  readonly #bytes: Uint8Array;
  readonly #cuts: readonly number[];
  constructor(bytes: Uint8Array, cuts: readonly number[] = [1 << 16]) {
    this.#bytes = bytes;
    this.#cuts = cuts;
  }
  async read(): Promise<Uint8Array | null> {
    this.#given?.fill(0xee);
    if (this.#at >= this.#bytes.length) return null;
    const size = this.#cuts[this.#turn++ % this.#cuts.length] ?? 1;
    this.#given = Uint8Array.from(this.#bytes.subarray(this.#at, this.#at + size));
    this.#at += size;
    return this.#given;
  }
  cancel(): void {
    this.cancelled = true;
  }
}

async function drain(body: Body): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let piece = await body.read(); piece !== null; piece = await body.read()) pieces.push(Buffer.from(piece));
  assert.equal(await body.read(), null, 'the end is the end');
  return Buffer.concat(pieces);
}

function signatures(signed: Signed = seed): ChunkSignatures {
  const { amzTime, scope, signingKey, signature } = signed;
  return new ChunkSignatures({ signingKey: new HmacKey(signingKey), amzTime, scope, seed: signature, accessKey: signer.accessKey });
}

const plain: ChunkedBodyOptions = { signatures: undefined, trailerNames: [], decodedLength: undefined, bytesMax: 1 << 30 };

function decode(wire: Buffer | string, options: Partial<ChunkedBodyOptions> = {}, cuts?: readonly number[]): ChunkedBody {
  return new ChunkedBody(new Pieces(Buffer.from(wire as string), cuts), { ...plain, ...options });
}

async function refused(body: ChunkedBody, code: string): Promise<Record<string, string | number>> {
  let found: unknown;
  await drain(body).catch((error: unknown) => {
    found = error;
  });
  assert.ok(found instanceof BodyRejected, `${code} expected, got ${String(found)}`);
  assert.equal(found.rejection.rejected, code);
  await assert.rejects(body.read(), BodyRejected, 'a failed body stays failed');
  return { ...found.rejection.facts };
}

test('the chunked example of the S3 reference holds', async () => {
  // https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
  const signingKey = new SigningKeys().keyFor(
    { accessKey: signer.accessKey, date: '20130524', region: 'us-east-1', scope: '20130524/us-east-1/s3/aws4_request' },
    signer.secretKey,
  );
  const chain = new ChunkSignatures({
    signingKey,
    accessKey: signer.accessKey,
    amzTime: '20130524T000000Z',
    scope: '20130524/us-east-1/s3/aws4_request',
    seed: '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
  });
  const a = (count: number) => 'a'.repeat(count);
  const wire = `10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n${a(65536)}\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n${a(1024)}\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n`;
  assert.equal(wire.length, 66824);
  const body = decode(wire, { signatures: chain, decodedLength: 66560 });
  assert.equal((await drain(body)).toString(), a(66560));
});

test('any bytes in any chunks, cut anywhere on the wire, come out as they went in', async () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 });
  const begun = fc.array(fc.tuple(bytes, fc.nat(300)), { maxLength: 3 });
  const full = begun.map((pieces) => pieces.map(([piece, more]) => Buffer.alloc(chunkBytesMin + more, piece)));
  const chunks = fc.tuple(full, fc.array(bytes, { maxLength: 1 })).map(([all, last]) => [...all, ...last]);
  const cuts = fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(chunks, cuts, fc.boolean(), fc.boolean(), async (pieces, sizes, signed, withTrailer) => {
      const trailers = withTrailer ? ([['x-amz-checksum-crc32', 'AAAAAA==']] as const) : undefined;
      const wire = frameChunks(pieces, { ...(signed && { signed: seed }), ...(trailers && { trailers }) });
      const whole = Buffer.concat(pieces);
      const options = {
        signatures: signed ? signatures() : undefined,
        trailerNames: withTrailer ? ['x-amz-checksum-crc32'] : [],
        decodedLength: whole.length,
      };
      const body = decode(wire, options, sizes);
      assert.deepEqual(await drain(body), whole);
      assert.equal(body.trailers.get('x-amz-checksum-crc32'), withTrailer ? 'AAAAAA==' : undefined);
    }),
    { numRuns: 300 },
  );
});

test('signed: every change of a byte is noticed', async () => {
  const whole = `${'first chunk'.padEnd(chunkBytesMin, '.')}second chunk`;
  const data = [Buffer.from(whole.slice(0, chunkBytesMin)), Buffer.from(whole.slice(chunkBytesMin))];
  const trailers = [['x-amz-checksum-crc32', 'AAAAAA==']] as const;
  const wire = frameChunks(data, { signed: seed, trailers });
  const options = { trailerNames: ['x-amz-checksum-crc32'], decodedLength: whole.length };
  assert.equal((await drain(decode(wire, { ...options, signatures: signatures() }))).toString(), whole);
  for (let at = 0; at < wire.length; at++) {
    const changed = Buffer.from(wire);
    changed[at] = (changed[at] ?? 0) ^ 1;
    // CR may become another blank or be doubled without any meaning; what counts is that the bytes or the end are different.
    const outcome = await drain(decode(changed, { ...options, signatures: signatures() })).catch((error: unknown) => error);
    if (outcome instanceof Buffer) assert.equal(outcome.toString(), whole, `byte ${at}`);
    else assert.ok(outcome instanceof BodyRejected, `byte ${at}: ${String(outcome)}`);
  }
});

test('signed: a wrong chunk, a wrong chain, a missing and a malformed signature', async () => {
  const chunks = [Buffer.from('one'.padEnd(chunkBytesMin, '.')), Buffer.from('two')];
  const wire = frameChunks(chunks, { signed: seed }).toString('latin1');
  const facts = await refused(decode(wire.replace('two', 'owt'), { signatures: signatures() }), 'SignatureDoesNotMatch');
  assert.match(String(facts.StringToSign), /^AWS4-HMAC-SHA256-PAYLOAD\n20130524T000000Z\n/);
  const lines = wire.split('\r\n');
  const swapped = [...lines.slice(2, 4), ...lines.slice(0, 2), ...lines.slice(4)].join('\r\n');
  await refused(decode(swapped, { signatures: signatures() }), 'SignatureDoesNotMatch');
  const dropped = [...lines.slice(0, 2), ...lines.slice(4)].join('\r\n');
  await refused(decode(dropped, { signatures: signatures() }), 'SignatureDoesNotMatch');
  await refused(decode(frameChunks(chunks), { signatures: signatures() }), 'IncompleteBody');
  await refused(decode(wire.replace(/chunk-signature=[0-9a-f]+/, 'chunk-signature=no'), { signatures: signatures() }), 'InvalidSignature');
  const other = signHeader({ method: 'PUT', path: '/b/other', headers: { host: 'h' } }, signer, {
    time: Date.UTC(2013, 4, 24),
    payload: 'x',
  });
  await refused(decode(wire, { signatures: signatures(other) }), 'SignatureDoesNotMatch');
});

test('the last bytes of a chunk are held back until its signature holds', async () => {
  const wire = frameChunks([Buffer.from('0123456789')], { signed: seed })
    .toString('latin1')
    .replace('0123456789', '012345678X');
  const body = decode(wire, { signatures: signatures() }, [95]);
  const given: string[] = [];
  await assert.rejects(async () => {
    for (let piece = await body.read(); piece !== null; piece = await body.read()) given.push(Buffer.from(piece).toString());
  }, BodyRejected);
  assert.ok(given.join('').length < 10, given.join(''));
});

test('trailers: missing, undeclared, doubled, unsigned, wrongly signed', async () => {
  const data = [Buffer.from('data')];
  const crc = ['x-amz-checksum-crc32', 'AAAAAA=='] as const;
  const declared = { trailerNames: ['x-amz-checksum-crc32'] };
  await refused(decode(frameChunks(data), declared), 'MalformedTrailerError');
  await refused(decode(frameChunks(data, { trailers: [crc] })), 'MalformedTrailerError');
  await refused(decode(frameChunks(data, { trailers: [crc, crc] }), declared), 'MalformedTrailerError');
  await refused(decode(frameChunks(data, { trailers: [crc, ['x-amz-checksum-sha1', 'AA==']] }), declared), 'MalformedTrailerError');
  for (const line of ['x-amz-checksum-crc32', ':AAAAAA==', 'AAAAAA==']) {
    await refused(decode(`4\r\ndata\r\n0\r\n${line}\r\n\r\n`, declared), 'MalformedTrailerError');
  }
  const wire = frameChunks(data, { signed: seed, trailers: [crc] }).toString('latin1');
  const unsigned = wire.replace(/x-amz-trailer-signature:.*\r\n/, '');
  await refused(decode(unsigned, { ...declared, signatures: signatures() }), 'MalformedTrailerError');
  await refused(decode(wire.replace('AAAAAA==', 'AAAAAB=='), { ...declared, signatures: signatures() }), 'SignatureDoesNotMatch');
  await refused(
    decode(wire.replace(/trailer-signature:..../, 'trailer-signature:zzzz'), { ...declared, signatures: signatures() }),
    'InvalidSignature',
  );
  const spaced = decode(frameChunks(data).toString().replace('0\r\n', '0\r\nX-Amz-Checksum-CRC32: AAAAAA==\n\r\n'), declared);
  await drain(spaced);
  assert.equal(spaced.trailers.get('x-amz-checksum-crc32'), 'AAAAAA==', 'case and blanks as HTTP has them');
});

test('every chunk but the last has 8 KiB at least', async () => {
  const of = (...sizes: number[]) => frameChunks(sizes.map((size) => Buffer.alloc(size, 'x')));
  for (const sizes of [[], [1], [8192, 1], [8192, 8192], [20_000, 8193, 100]]) {
    const whole = sizes.reduce((sum, size) => sum + size, 0);
    assert.equal((await drain(decode(of(...sizes)))).length, whole, String(sizes));
  }
  assert.deepEqual(await refused(decode(of(3, 2)), 'InvalidChunkSizeError'), { Chunk: 2, BadChunkSize: 3 });
  assert.deepEqual(await refused(decode(of(8192, 8191, 8192)), 'InvalidChunkSizeError'), { Chunk: 3, BadChunkSize: 8191 });
  const signed = frameChunks([Buffer.from('one'), Buffer.from('two')], { signed: seed });
  await refused(decode(signed, { signatures: signatures() }), 'InvalidChunkSizeError');
});

test('bodies that end early are IncompleteBody at every byte before the last chunk', async () => {
  const wire = frameChunks([Buffer.alloc(chunkBytesMin), Buffer.from('world')]);
  const lastChunk = wire.lastIndexOf('0\r\n');
  const decodedLength = chunkBytesMin + 5;
  for (let length = 0; length <= lastChunk + 1; length++) {
    await refused(decode(wire.subarray(0, length), { decodedLength }), 'IncompleteBody');
  }
});

test('the declared length is kept to, both ways', async () => {
  const wire = frameChunks([Buffer.from('hello')]);
  assert.deepEqual(await refused(decode(wire, { decodedLength: 6 }), 'IncompleteBody'), { NumberBytesExpected: 6, NumberBytesProvided: 5 });
  await refused(decode(wire, { decodedLength: 4 }), 'IncompleteBody');
  await refused(decode('ffffffffffff\r\n', { decodedLength: 4 }), 'IncompleteBody');
  assert.equal((await drain(decode(frameChunks([]), { decodedLength: 0 }))).length, 0);
});

test('broken framing is refused, never waited for', async () => {
  for (const wire of ['', 'x\r\n', '-1\r\n', '0x5\r\nhello\r\n0\r\n\r\n', '5 \r\nhello\r\n', '\r\n', '1000000000000\r\n']) {
    await refused(decode(wire), 'IncompleteBody');
  }
  await refused(decode('5\r\nhello!\r\n0\r\n\r\n'), 'IncompleteBody');
  await refused(decode('5\r\nhell\r\n0\r\n\r\n'), 'IncompleteBody');
  await refused(decode('5\nhello\r\n0\r\n\r\n'), 'IncompleteBody');
});

test('limits: a chunk header, the trailers', async () => {
  await refused(decode(`${'5'.padEnd(chunkHeaderBytesMax + 1, ';')}`), 'IncompleteBody');
  await refused(decode(`5;${'x'.repeat(chunkHeaderBytesMax * 100)}`, {}, [100]), 'IncompleteBody');
  const kept = `5;${'x'.repeat(chunkHeaderBytesMax - 3)}\r\nhello\r\n0\r\n\r\n`;
  assert.equal((await drain(decode(kept))).toString(), 'hello');
  await refused(decode(`0\r\n${'\r\n'.repeat(trailerBytesMax)}`, {}, [1000]), 'MalformedTrailerError');
  await refused(
    decode(`0\r\nx-amz-checksum-crc32:${'A'.repeat(trailerBytesMax)}`, { trailerNames: ['x-amz-checksum-crc32'] }),
    'IncompleteBody',
  );
});

test('single bytes on the wire take linear time', async () => {
  const chunks = Array.from({ length: 2 }, (_, index) => Buffer.alloc(chunkBytesMin, index));
  const wire = frameChunks(chunks);
  const started = performance.now();
  assert.equal((await drain(decode(wire, {}, [1]))).length, 2 * chunkBytesMin);
  assert.ok(performance.now() - started < 5_000);
});

test('cancel reaches the source', () => {
  const source = new Pieces(Buffer.from('5\r\nhello'));
  new ChunkedBody(source, plain).cancel();
  assert.equal(source.cancelled, true);
});

test('a chunk that says more than may come is refused by its header, before a byte of it is there', async () => {
  /** Whatever is asked for behind the header never comes. */
  const endless = (header: string, options: Partial<ChunkedBodyOptions>) => {
    const pieces = [Buffer.from(header)];
    const read = () => (pieces.length > 0 ? Promise.resolve(pieces.shift() ?? null) : new Promise<null>(() => {}));
    return new ChunkedBody({ read, cancel: () => undefined }, { ...plain, ...options });
  };
  await refused(endless('ffffffffffffffff\r\n', {}), 'IncompleteBody');
  await refused(endless('ffffffffffff\r\n', {}), 'EntityTooLarge');
  await refused(endless('b\r\n', { decodedLength: 10 }), 'IncompleteBody');
  const facts = await refused(endless('40000001\r\n', {}), 'EntityTooLarge');
  assert.deepEqual(facts, { ProposedSize: (1 << 30) + 1, MaxSizeAllowed: 1 << 30 });
});
