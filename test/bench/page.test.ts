/** The page: complete in itself, safe from what servers call themselves, readable in both colours, and drawn by a real browser where there is one. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Script } from 'node:vm';
import { renderPage } from '../../bench/report/page.ts';
import type { PageData } from '../../bench/report/page-data.ts';
import { dashes, palettes } from '../../bench/report/page-palette.ts';
import { drawKnees, withRoom } from '../../bench/report/page-ramp-chart.ts';
import type { BenchResult } from '../../bench/report/result.ts';
import { withKnees } from '../../bench/run/knee.ts';
import { temporaryDirectory } from '../support/files.ts';
import { missingPeer } from '../support/peer.ts';
import { sampleResult } from './sample-result.ts';

const work = temporaryDirectory('bench-page');
after(() => work.remove());

const evil = '</script><script>document.title="taken"</script><img src="http://evil.test/x" onerror=alert(1)>\u2028';

const result: BenchResult = sampleResult({
  lines: [
    { name: 'put-4KiB-c16', workload: 'put', servers: servers(2000, 500) },
    { name: `get-${evil}`, workload: 'get', servers: servers(9000, 0.5, 0.7) },
    { name: 'mixed-4KiB-c16', workload: 'mixed', operations: ['get', 'put'], servers: servers(900, 400) },
  ],
});

function servers(first: number, other: number, clientCpuShare = 0.2) {
  return [
    { name: 'liteio', rate: first, clientCpuShare },
    { name: evil, rate: other },
    { name: 'gone', rate: 1, failure: `failed ${evil}` },
  ];
}

test('the page asks for nothing: no element loads, no style or script fetches, and its policy forbids it', () => {
  const page = renderPage(result);
  const markup = page.replaceAll(/<script[^>]*>[\s\S]*?<\/script>/g, '').replaceAll(/<style>[\s\S]*?<\/style>/g, '');
  assert.doesNotMatch(markup, /<(link|img|iframe|object|embed|video|audio|source|base|form)\b/i);
  const unquoted = markup.replaceAll(/"[^"]*"/g, '""');
  assert.doesNotMatch(unquoted, /<[^>]*\s(src|srcset|action|data|poster|background)\s*=/i);
  for (const [, target] of markup.matchAll(/\shref="([^"]*)"/g)) assert.match(target!, /^#/);
  for (const [, style] of page.matchAll(/<style>([\s\S]*?)<\/style>/g)) assert.doesNotMatch(style!, /@import|url\(|@font-face/);
  for (const [, script] of page.matchAll(/<script>([\s\S]*?)<\/script>/g)) {
    assert.doesNotMatch(script!, /\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon|importScripts|\bimport\(|new Image/);
  }
  assert.match(
    page,
    /Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'/,
  );
});

test('names from outside stay text, and the data can be read back', () => {
  const page = renderPage(result);
  assert.equal(page.split(/<script/i).length - 1, 2, 'the data and the script, no third');
  assert.equal(page.split(/<\/script/i).length - 1, 2);
  assert.doesNotMatch(page, /<img/i);
  const data = JSON.parse(/<script type="application\/json" id="data">([\s\S]*?)<\/script>/.exec(page)![1]!);
  assert.deepEqual(data.servers, ['liteio', evil, 'gone']);
  assert.deepEqual(
    data.lines.map((line: { servers: unknown[] }) => line.servers.length),
    [2, 2, 2],
  );
  const [first] = data.lines[0].servers;
  assert.equal(first.load.length, first.rates.length);
  assert.equal(first.rates.filter((rate: unknown) => rate === null).length, 4, 'a break between each two of five turns');
  assert.ok(first.load.every((load: number, index: number) => index === 0 || load > first.load[index - 1]));
  assert.equal(first.latencies.length, data.percentileSteps.length);
  assert.equal(data.percentileSteps.at(-1), 10_000);
});

const steps = [1, 2, 4, 8, 12];

/** Told out of order; minio stops gaining at 4 and gives a wrong answer at 8. */
const ramp: BenchResult = sampleResult({
  lines: steps.toReversed().map((concurrency) => ({
    name: `ramp-4KiB-c${concurrency}`,
    workload: 'ramp',
    concurrency,
    servers: [
      { name: 'liteio', rate: 500 * concurrency, noise: 0 },
      { name: 'minio', rate: 100 * Math.min(4, concurrency), noise: 0, ...(concurrency === 8 && { failure: 'wrong bytes' }) },
      { name: 'gone', rate: 1, failure: 'never came up' },
    ],
  })),
});

test('a ramp has its curves: a point a step, a gap where a server failed, and its knee', () => {
  const page = renderPage({ ...ramp, lines: [...result.lines, ...withKnees(ramp.lines.toReversed())] });
  const { ramps } = JSON.parse(/<script type="application\/json" id="data">([\s\S]*?)<\/script>/.exec(page)![1]!) as PageData;
  assert.equal(ramps.length, 1);
  assert.deepEqual(ramps[0]?.steps, steps);
  const [liteio, minio, none] = ramps[0]?.servers ?? [];
  assert.deepEqual([liteio?.index, liteio?.rates, liteio?.knee], [0, [500, 1000, 2000, 4000, 6000], 4]);
  assert.deepEqual([minio?.index, minio?.rates, minio?.knee], [1, [100, 200, 400, null, 400], 2]);
  assert.ok(minio?.tails.every((tail, step) => (step === 3 ? tail === null : tail !== null && tail > 0)));
  assert.equal(none, undefined, 'a server without a step has no curve');
  assert.match(page, /liteio: knee at 12 \(the last step: it may lie further on\), 6,000 op\/s/);
  assert.match(page, /minio: knee at 4, 400 op\/s, 99th percentile [\d.,]+ ms/);
  assert.match(page, /gone: no knee known/);
  assert.match(
    page,
    /aria-label="Throughput by requests at once: liteio 500 at 1, .*; minio 100 at 1, 200 at 2, 400 at 4, 400 at 12; gone failed"/,
  );
  assert.equal(page.split('data-ramp="0"').length - 1, 2, 'rates and tails');
  assert.doesNotMatch(renderPage(result), /<h2>Ramps|data-ramp=/);
});

test('a ring is drawn about the knee of every curve that is shown, and steps without room have no name', () => {
  const rings: string[] = [];
  let colour = '';
  const nothing = () => undefined;
  const ctx = {
    canvas: { width: 800 },
    save: nothing,
    restore: nothing,
    beginPath: nothing,
    arc: (x: number, y: number, radius: number) => (colour = `${x} ${y} ${radius}`),
    stroke: () => void rings.push(colour),
  };
  const valToPos = (value: number, of: string): number => (of === 'x' ? value : -value);
  const self = (hidden: number) => ({
    ctx,
    valToPos,
    width: 400,
    data: [[1, 2, 4]],
    series: [0, 1, 2].map((index) => ({ show: index !== hidden })),
  });
  const servers = [
    { index: 0, rates: [10, 30, 31], tails: [1, 1, 1], knee: 1 },
    { index: 2, rates: [5, 6, null], tails: [1, 1, null], knee: 0 },
  ];
  drawKnees(self(-1) as never, servers, palettes.light);
  assert.deepEqual(rings.splice(0), ['2 -30 16', '1 -5 16']);
  drawKnees(self(1) as never, servers, palettes.light);
  assert.deepEqual(rings.splice(0), ['1 -5 16'], 'a hidden curve has none');
  drawKnees(self(-1) as never, [{ ...servers[0]!, knee: -1 }], palettes.light);
  assert.deepEqual(rings, []);
  assert.deepEqual(withRoom([1, 2, 4, 8], 300), ['1', '2', '4', '8']);
  assert.deepEqual(withRoom([1, 2, 4, 5], 240), ['1', '2', '', '5']);
  assert.deepEqual(withRoom([1, 2, 4, 8, 16], 80), ['1', '', '4', '', '16']);
  assert.deepEqual(withRoom([7], 80), ['7']);
});

test('the script is a script, and needs nothing that the page does not have', () => {
  const scripts = [...renderPage(result).matchAll(/<script>([\s\S]*?)<\/script>/g)].map(([, text]) => text!);
  assert.equal(scripts.length, 1);
  new Script(scripts[0]!);
  assert.doesNotMatch(scripts[0]!, /\brequire\(|\bexports\b\.|import\.meta/);
});

test('the tables say it all without a script: ratios, failures, limits, operations', () => {
  const page = renderPage(result);
  assert.match(page, /<h2 id="overview">liteio over the others<\/h2>/);
  assert.match(page, /geometric mean of 3/);
  assert.match(page, /class="dot hollow"/);
  assert.match(page, /client-limited/);
  assert.match(page, /failed: failed &lt;\/script&gt;/);
  assert.match(page, /With liteio the client was the limit: it used 70 % of all cores/);
  assert.match(page, /<table><thead><tr><th scope="col">operation/);
  const alone = sampleResult({ lines: [{ name: 'put-4KiB-c1', workload: 'put', servers: [{ name: 'one', rate: 5 }] }] });
  assert.doesNotMatch(renderPage(alone), /id="overview"/);
  assert.match(renderPage({ ...alone, lines: [] }), /<h2 id="lines">/);
});

/** WCAG 2.2, relative luminance and contrast. */
function contrast(one: string, other: string): number {
  const luminance = (colour: string): number => {
    const channels = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255);
    const [red, green, blue] = channels.map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
  };
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light! + 0.05) / (dark! + 0.05);
}

for (const [name, palette] of Object.entries(palettes)) {
  test(`contrast in ${name}: text 4.5, marks 3`, () => {
    for (const ground of [palette.page, palette.ground]) {
      for (const text of [palette.text, palette.quiet, palette.link, palette.caution, palette.servers[7]!]) {
        assert.ok(contrast(text, ground) >= 4.5, `${text} on ${ground}: ${contrast(text, ground).toFixed(2)}`);
      }
      for (const mark of palette.servers)
        assert.ok(contrast(mark, ground) >= 3, `${mark} on ${ground}: ${contrast(mark, ground).toFixed(2)}`);
    }
    assert.equal(new Set(palette.servers).size, dashes.length);
  });
}

const skip = missingPeer('chromium');

test('a browser draws every chart and runs nothing that a name brought', { skip }, () => {
  const path = join(work.path, 'page.html');
  writeFileSync(path, renderPage({ ...result, lines: [...result.lines, ...withKnees(ramp.lines.slice(0, 2))] }));
  const quiet = [
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ];
  const args = ['--headless=new', '--no-sandbox', ...quiet, `--user-data-dir=${join(work.path, 'profile')}`, '--window-size=1200,9000'];
  // On a busy machine the browser's time runs out before its renderer had any of the real one.
  let [drawn, stdout] = [0, ''];
  for (const budget of [10_000, 40_000, 160_000]) {
    const time = ['--enable-logging=stderr', `--virtual-time-budget=${budget}`];
    const browser = spawnSync('chromium', [...args, ...time, '--dump-dom', `file://${path}`], {
      encoding: 'utf8',
      timeout: 60_000,
      maxBuffer: 64 * 1024 ** 2,
    });
    assert.equal(browser.status, 0, browser.stderr);
    assert.doesNotMatch(browser.stderr, /CONSOLE/, browser.stderr);
    stdout = browser.stdout;
    drawn = stdout.split('<canvas').length - 1;
    if (drawn > 0) break;
  }
  assert.equal(drawn, 12, 'throughput and latency of five lines and of a ramp');
  assert.match(stdout, /<title>liteio, &lt;\/script&gt;/);
  assert.match(stdout, /<button type="button" id="theme" aria-label="Switch to dark colours">Dark<\/button>/);
});
