/** The bundle that a start loads: few files, whose packages outside are found from where it lies. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const place = join(dirname(fileURLToPath(import.meta.url)), '../../start');
const programs = readdirSync(place).filter((name) => name.endsWith('.js'));
const from = createRequire(join(place, 'main.js'));

test('few files', () => {
  assert.ok(programs.includes('main.js') && programs.includes('shard-thread.js'), String(programs));
  assert.ok(programs.length <= 20, String(programs));
});

test('what stays outside is found: packages, and files by their place', () => {
  const missing: string[] = [];
  let found = 0;
  for (const name of programs) {
    const text = readFileSync(join(place, name), 'utf8');
    const packages = [...text.matchAll(/(?:^(?:import|export) .*?from |^import |__require\()"([^".][^"]*)"/gm)].map(
      (match) => match[1] ?? '',
    );
    const files = [...text.matchAll(/new URL\("(\.[^"]+)", import\.meta\.url\)|import\("(\.[^"]+)"\)/g)].map(
      (match) => match[1] ?? match[2] ?? '',
    );
    for (const wanted of packages.filter((each) => !isBuiltin(each))) {
      found += 1;
      if (!resolves(wanted)) missing.push(`${name}: ${wanted}`);
    }
    for (const file of files) {
      found += 1;
      if (!existsSync(join(place, file))) missing.push(`${name}: ${file}`);
    }
  }
  assert.deepEqual(missing, []);
  assert.ok(found >= 10, `${found} were looked for`);
});

test('no package that is outside came in with its binary left behind', () => {
  const bundled = programs.filter((name) =>
    /require\("[^"]*node-gyp-build|__dirname\b.*\.node"/.test(readFileSync(join(place, name), 'utf8')),
  );
  assert.deepEqual(bundled, []);
});

function resolves(name: string): boolean {
  try {
    from.resolve(name);
    return true;
  } catch {
    return false;
  }
}
