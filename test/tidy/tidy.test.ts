/** The house rules that a compiler does not know: sizes, arrows, names, words. Reads the sources as text. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const fileLinesMax = 400;
const rooms = ['bench', 'engine', 'http', 'journal', 'snapshots', 'test'];

const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((path) => path !== '' && exists(path));
const sources = tracked.filter((path) => path.endsWith('.ts'));

function exists(path: string): boolean {
  try {
    readFileSync(join(root, path));
    return true;
  } catch {
    return false;
  }
}

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** Paths (from the root) and packages a source imports, statically, dynamically or as a worker's URL. */
function importsOf(path: string): string[] {
  const found = [...read(path).matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? '');
  return found.map((target) => (target.startsWith('.') ? normalize(join(dirname(path), target)) : target));
}

interface Arrow {
  readonly from: RegExp;
  readonly except?: RegExp;
  /** What may not be imported. */
  readonly never: RegExp;
  readonly unless?: RegExp;
  readonly why: string;
}

const arrows: readonly Arrow[] = [
  {
    from: /^journal\//,
    never: /^(engine|http|snapshots|bench|test)\/|^(xstate|classic-level)$/,
    why: 'journal/ is a leaf: it knows bytes only',
  },
  {
    from: /^snapshots\//,
    never: /^(engine|http|journal|bench|test)\/|^xstate$|^@nats-io/,
    unless: /^journal\/disk\.ts$/,
    why: 'snapshots/ is a leaf: bytes only, and journal/disk.ts for files',
  },
  {
    from: /^engine\//,
    never: /^(http|bench|test|journal|snapshots)\/|^classic-level$|^@nats-io/,
    unless: /^(journal\/(disk|journal)|snapshots\/state-store)\.ts$/,
    why: 'engine/ sees the contracts of journal and snapshots, never a backend, never HTTP',
  },
  {
    from: /^engine\/(bucket|upload|identity)\//,
    except: /life-cycle\.ts$/,
    never: /^node:|^xstate$|^engine\/clock\.ts$|^journal\/disk\.ts$/,
    why: 'the deciders are pure: no node:*, no xstate, no clock, no I/O',
  },
  {
    from: /^engine\/actor\//,
    never: /^engine\/(bucket|upload|shards|door|upkeep|engine)/,
    why: 'actor/ knows nothing of S3 or of bytes on drives',
  },
  {
    from: /^engine\/shards\//,
    never: /^engine\/(bucket|upload|actor|door|upkeep|engine|vocabulary)/,
    why: 'shards/ knows nothing of buckets, keys or actors of the journal',
  },
  {
    from: /^http\//,
    except: /^http\/(main|serve|serve-journal|serve-drives|serve-mend)\.ts$/,
    never: /^(engine|journal|snapshots|bench|test)\/|^(xstate|classic-level)$|^@nats-io/,
    unless: /^engine\/(engine|vocabulary|body|rejection|fault|clock|assert)\.ts$/,
    why: 'http/ reaches the engine through its door',
  },
  { from: /^engine\/(bucket|upload)\//, never: /^engine\/(door|upkeep|engine\.)/, why: 'the deciders are below the door' },
  {
    from: /^http\/transport\//,
    never: /^http\/(?!transport\/)/,
    why: 'transport/ is HTTP alone: nothing of S3',
  },
  {
    from: /^http\/(request|parameters|auth)\//,
    never: /^http\/(operations|handle|main|serve|config)/,
    why: 'what operations are made of is below them',
  },
  {
    from: /^http\/(operations|auth)\//,
    never: /^http\/(main|serve|handle|config)\.ts$|listener\.ts$/,
    unless: /^http\/transport\/listener\.ts$/,
    why: 'operations and auth are below the life of a request',
  },
  {
    from: /^(engine|http|journal|snapshots)\//,
    except: /^http\/main\.ts$/,
    never: /^(test|bench)\//,
    why: 'the product does not lean on its tests',
  },
  {
    from: /^http\/main\.ts$/,
    never: /^(test|bench)\//,
    unless: /^bench\/bench-command\.ts$/,
    why: 'the command line reaches the harness by its command',
  },
  {
    from: /^(engine|http|journal|snapshots|bench)\//,
    except: /^http\/transport\/uws-/,
    never: /uWebSockets|uws-js|uwebsockets/i,
    why: 'uWebSockets.js enters through one file',
  },
  {
    from: /^(engine|http|journal|snapshots)\//,
    except: /^journal\/jetstream\//,
    never: /^@nats-io/,
    why: 'NATS enters through the JetStream journal',
  },
];

for (const arrow of arrows) {
  test(`arrow: ${arrow.why} (${arrow.from.source})`, () => {
    const broken: string[] = [];
    for (const path of sources) {
      if (!arrow.from.test(path) || arrow.except?.test(path)) continue;
      for (const target of importsOf(path)) {
        if (arrow.never.test(target) && !arrow.unless?.test(target)) broken.push(`${path} imports ${target}: ${arrow.why}`);
      }
    }
    assert.deepEqual(broken, []);
  });
}

test('no import circle', () => {
  const graph = new Map(sources.map((path) => [path, importsOf(path).filter((target) => sources.includes(target))]));
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
    if (done.has(path) || trail.includes(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  assert.deepEqual(circles, []);
});

test(`no file over ${fileLinesMax} lines`, () => {
  const long = sources.map((path) => [path, read(path).split('\n').length - 1] as const).filter(([, lines]) => lines > fileLinesMax);
  assert.deepEqual(long, []);
});

test('two folder levels under a fixed top level, kebab-case names', () => {
  const wrong = sources.filter((path) => {
    const steps = path.split('/');
    return !rooms.includes(steps[0] ?? '') || steps.length > 3 || !steps.every((step) => /^[a-z0-9][a-z0-9.-]*$/.test(step));
  });
  assert.deepEqual(wrong, []);
});

test('no junk-drawer names', () => {
  const junk = sources.filter((path) => /(manager|service|helper|util|common|misc|base|impl)s?(\.|-|\/)/.test(path));
  assert.deepEqual(junk, []);
});

test('time, randomness, environment and files enter through named files', () => {
  const doors: readonly (readonly [RegExp, RegExp])[] = [
    [/\bDate\.now\(|new Date\(\)|\bperformance\.now\(/, /^(http\/(main|serve|system)|bench\/|test\/)/],
    [/\bMath\.random\(|\brandomBytes\(|\brandomUUID\(/, /^(http\/(main|serve|system)|bench\/|test\/)/],
    [/\bprocess\.env\b/, /^(http\/(config|transport\/uws-|main)|bench\/|test\/)/],
    [
      /from 'node:fs(\/promises)?'/,
      /^(journal\/(node-disk|jetstream\/nats-)|snapshots\/|http\/(main|serve|config|system|transport\/)|engine\/shards\/kernel|engine\/shards\/erasure-code|bench\/|test\/)/,
    ],
  ];
  const broken: string[] = [];
  for (const path of sources) {
    for (const [pattern, door] of doors) if (!door.test(path) && pattern.test(read(path))) broken.push(`${path}: ${pattern.source}`);
  }
  assert.deepEqual(broken, []);
});

test('no markers left, no tests skipped for good, no machine paths', () => {
  const broken: string[] = [];
  for (const path of sources.filter((source) => source !== 'test/tidy/tidy.test.ts')) {
    const text = read(path);
    if (/\b(TODO|FIXME|XXX|HACK)\b/.test(text)) broken.push(`${path}: marker`);
    if (/\.(todo|only)\(/.test(text)) broken.push(`${path}: only or todo`);
    if (/['"`](\/root|\/home|\/work)\//.test(text)) broken.push(`${path}: machine path`);
  }
  const lock = read('package-lock.json');
  if (/"resolved": *"http/.test(lock)) broken.push('package-lock.json: download addresses');
  assert.deepEqual(broken, []);
});

interface LockedPackage {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** A registry that lacks another platform's build leaves it out when the lock is written, and `npm ci` then refuses the lock. */
test('the lock names every package that one in it asks for, those of other platforms too', () => {
  const locked = Object.entries<LockedPackage>(JSON.parse(read('package-lock.json')).packages);
  const names = new Set(locked.map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)));
  const missing = locked.flatMap(([path, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies })
      .filter((name) => !names.has(name))
      .map((name) => `${name} of ${path}`),
  );
  assert.deepEqual(missing, []);
});

test('every S3 operation has its file and its test names it', () => {
  const operations = sources.filter((path) => path.startsWith('http/operations/'));
  assert.ok(operations.length >= 25, `${operations.length} operations`);
  const tests = sources
    .filter((path) => path.startsWith('test/s3/'))
    .map(read)
    .join('\n')
    .toLowerCase()
    .replaceAll(/[-_ ]/g, '');
  const missing = operations.filter((path) => !tests.includes((path.split('/').at(-1) ?? '').replace('.ts', '').replaceAll('-', '')));
  assert.deepEqual(missing, []);
});
