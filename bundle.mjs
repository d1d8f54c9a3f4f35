/**
 * What a start loads, in a few files: the server and its shard threads, with the packages they use. Hundreds of small files take a process
 * longer to find, read and link than all else it does before its first answer. Runs on what tsc made; native packages stay where they are.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(fileURLToPath(import.meta.url));
const dist = join(root, 'dist');
const target = join(dist, 'start');
const entries = [join(dist, 'http/main.js'), join(dist, 'engine/shards/shard-thread.js')];

/** Files are named relative to the module that needs them, and the bundle lies elsewhere. An entry is found beside it. */
const places = {
  name: 'places',
  setup({ onLoad }) {
    onLoad({ filter: /\.js$/ }, ({ path }) => {
      if (relative(dist, path).startsWith('..')) return undefined;
      const contents = readFileSync(path, 'utf8').replaceAll(/new URL\('(\.[^']+)', import\.meta\.url\)/g, (_, place) => {
        const file = join(dirname(path), place);
        const moved = entries.includes(file) ? `./${relative(dirname(file), file)}` : relative(target, file);
        return `new URL(${JSON.stringify(moved)}, import.meta.url)`;
      });
      return { contents, loader: 'js' };
    });
  },
};

/**
 * Left to be loaded from where they are: what looks for its binary beside itself, and what most starts don't need. Native packages are
 * required: an import statement of one would have all its text searched for the names it exports, once a thread.
 */
const outside = {
  name: 'outside',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(@node-rs\/crc32|xxhash-addon)$/ }, ({ path, kind }) =>
      kind === 'require-call' ? { path, external: true } : { path, namespace: 'native' },
    );
    onLoad({ filter: /./, namespace: 'native' }, ({ path }) => {
      const names = Object.keys(createRequire(import.meta.url)(path)).join(', ');
      const contents = `const native = require('${path}');\nexport const { ${names} } = native;\nexport default native;`;
      return { contents, resolveDir: root };
    });
    onResolve({ filter: /^\.\/binding$/ }, () => ({ path: 'classic-level/binding.js', external: true }));
    onResolve({ filter: /\/bench\/bench-command\.js$/ }, () => ({ path: '../bench/bench-command.js', external: true }));
  },
};

rmSync(target, { recursive: true, force: true });
const { metafile } = await build({
  entryPoints: entries,
  entryNames: '[name]',
  outdir: target,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  external: ['@nats-io/*', 'msgpackr-extract'],
  banner: { js: "import { createRequire as requireFrom } from 'node:module';\nconst require = requireFrom(import.meta.url);" },
  plugins: [places, outside],
  metafile: true,
  logLevel: 'warning',
});
writeFileSync(join(target, 'LICENSES.txt'), licensesOf(Object.keys(metafile.inputs)));

/** What the packages in the bundle ask to be handed on with them. */
function licensesOf(inputs) {
  const folders = new Set(inputs.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(input) ?? []));
  return [...folders].sort().map(licenseOf).join('\n');
}

function licenseOf(folder) {
  const { name, version, license, author } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
  const file = readdirSync(join(root, folder)).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file === undefined ? `${license}, ${author?.name ?? author}\n` : readFileSync(join(root, folder, file), 'utf8');
  return `${name} ${version}\n\n${text}`;
}
