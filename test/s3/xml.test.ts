import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isRejection } from '../../engine/rejection.ts';
import {
  childOf,
  childrenOf,
  element,
  escapeXml,
  keyText,
  readXml,
  s3Namespace,
  textOf,
  type XmlElement,
  xmlBytes,
  xmlDeclaration,
} from '../../http/xml.ts';

function read(text: string, rootName = 'R'): XmlElement {
  const root = readXml(Buffer.from(text), rootName);
  assert.ok(!isRejection(root), text);
  return root;
}

function refused(bytes: string | Uint8Array, rootName = 'R'): void {
  const outcome = readXml(typeof bytes === 'string' ? Buffer.from(bytes) : bytes, rootName);
  assert.ok(isRejection(outcome), String(bytes).slice(0, 200));
  assert.equal(outcome.rejected, 'MalformedXML');
}

test('elements, texts, namespaces, attributes', () => {
  const root = read(
    `<?xml version="1.0" encoding="UTF-8"?>\n<R xmlns="${s3Namespace}"><A>one</A><!-- no --><A> t&lt;w&#x6f;&amp; </A><s:B xmlns:s="urn:x" s:type="T"><![CDATA[<c>]]></s:B><Empty/></R>`,
  );
  assert.deepEqual(
    childrenOf(root, 'A').map((child) => child.text),
    ['one', ' t<wo& '],
  );
  assert.equal(textOf(root, 'A'), 'one');
  assert.equal(textOf(root, 'B'), '<c>');
  assert.equal(childOf(root, 'B')?.attributes['s:type'], 'T');
  assert.equal(textOf(root, 'Empty'), '');
  assert.equal(textOf(root, 'None'), undefined);
  assert.equal(childOf(root, 'None'), undefined);
  assert.equal(textOf(read('\ufeff<R><K>\u00e9\u{1f600}</K></R>'), 'K'), '\u00e9\u{1f600}');
});

test('what is refused: bad form, another root, DOCTYPE, foreign entities, bytes that are no UTF-8', () => {
  for (const text of [
    '',
    ' ',
    'text',
    '<R>',
    '<R></S>',
    '<R/><R/>',
    '<R><A></R></A>',
    '<R a=1/>',
    '<R>&nbsp;</R>',
    '<R>&#0;</R>',
    '<R>&#xD800;</R>',
    '<R>a\u0000b</R>',
    '<Other/>',
    '<!DOCTYPE R><R/>',
    '<!DOCTYPE R [<!ENTITY a "aaaa">]><R>&a;</R>',
    '<!DOCTYPE R SYSTEM "file:///etc/passwd"><R/>',
  ]) {
    refused(text);
  }
  refused(Uint8Array.from([0x3c, 0x52, 0x3e, 0xff, 0x3c, 0x2f, 0x52, 0x3e]));
});

test('limits: depth and number of elements', () => {
  const nested = (depth: number) => `<R>${'<A>'.repeat(depth)}${'</A>'.repeat(depth)}</R>`;
  read(nested(15));
  refused(nested(16));
  refused(nested(100_000));
  read(`<R>${'<A/>'.repeat(99_999)}</R>`);
  refused(`<R>${'<A/>'.repeat(100_000)}</R>`);
});

test('the longest CompleteMultipartUpload is read well within a second', () => {
  const part = (number: number) =>
    `<Part><ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><PartNumber>${number}</PartNumber><ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part>`;
  const parts = Array.from({ length: 10_000 }, (_, index) => part(index + 1)).join('');
  const started = performance.now();
  const root = read(`<CompleteMultipartUpload xmlns="${s3Namespace}">${parts}</CompleteMultipartUpload>`, 'CompleteMultipartUpload');
  const took = performance.now() - started;
  assert.equal(root.children.length, 10_000);
  const last = root.children.at(-1) as XmlElement;
  assert.equal(textOf(last, 'PartNumber'), '10000');
  assert.equal(textOf(last, 'ETag'), '"d41d8cd98f00b204e9800998ecf8427e"');
  assert.ok(took < 1000, `${took} ms`);
});

test('text that is written is read back as it was', () => {
  const character = fc.oneof(
    fc.constantFrom('&', '<', '>', '"', "'", ']]>', '\t', '\n', '\r', '\u007f', '\u0085', '\u2028', '/'),
    fc.string({ unit: 'grapheme', maxLength: 3 }),
  );
  const readable = fc
    .array(character)
    .map((pieces) => pieces.join('').replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, ''));
  fc.assert(
    fc.property(readable, (text) => {
      assert.equal(textOf(read(`<R>${element('K', text)}</R>`), 'K'), text);
    }),
    { numRuns: 500 },
  );
});

test('what XML has no form for is written as a reference, as S3 does', () => {
  assert.equal(escapeXml('a\u0001b\r\u0000'), 'a&#x1;b&#xD;&#x0;');
  assert.equal(escapeXml(`<&>"'`), '&lt;&amp;&gt;&quot;&apos;');
  assert.equal(escapeXml('plain/key \n'), 'plain/key \n');
});

test('elements from numbers, truths and nothing', () => {
  assert.equal(element('A', 0) + element('B', false) + element('C', undefined) + element('D', ''), '<A>0</A><B>false</B><D></D>');
});

test('encoding-type=url', () => {
  const url = keyText('url');
  assert.equal(url("a b/é+%~*'()\u0001"), 'a%20b/%C3%A9%2B%25~%2A%27%28%29%01');
  assert.equal(keyText(undefined)('a b'), 'a b');
});

test('a document is the same in pieces as in one, whatever its characters', () => {
  const pieces = ['<A>', 'plain', 'ä€😀', '', '</A>'];
  const whole = `${xmlDeclaration}<A>plainä€😀</A>`;
  assert.equal(xmlBytes(pieces).toString('utf8'), whole);
  assert.equal(xmlBytes(pieces.join('')).toString('utf8'), whole);
});
