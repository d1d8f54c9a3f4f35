/** Locks, damage and restarts of the state store on LevelDB. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openClassicStore, removeClassicStore } from '../../snapshots/classic-store.ts';
import { StateStoreCorrupt, StateStoreLocked, StateStoreUnavailable } from '../../snapshots/state-store.ts';
import { temporaryDirectory } from '../support/files.ts';

const row = { table: 'heads', key: Buffer.from('a'), value: Buffer.from('1') };
const classicStore = fileURLToPath(new URL('../../snapshots/classic-store.js', import.meta.url));

/** Tries to open the store in a process of its own; answers with the error's name, or 'opened'. */
function openElsewhere(directory: string): string {
  const program = `import { openClassicStore } from ${JSON.stringify(classicStore)};
    await openClassicStore(${JSON.stringify(directory)}).then((store) => store.close()).then(() => console.log('opened'), (error) => console.log(error.name));`;
  return execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }).trim();
}

test('one store a directory: a second one is refused, in this process and in another, however often it is tried', async () => {
  const place = temporaryDirectory('classic-lock');
  const store = await openClassicStore(join(place.path, 'store'));
  symlinkSync(join(place.path, 'store'), join(place.path, 'link'));
  try {
    for (const path of ['store', 'link', 'store']) await assert.rejects(openClassicStore(join(place.path, path)), StateStoreLocked);
    await assert.rejects(removeClassicStore(join(place.path, 'store')), StateStoreLocked);
    assert.equal(openElsewhere(join(place.path, 'store')), 'StateStoreLocked', 'the refused opens did not drop the lock');
    await store.write([row], 1);
    await store.close();
    assert.equal(openElsewhere(join(place.path, 'store')), 'opened');
  } finally {
    await store.close();
    place.remove();
  }
});

test('damaged files are named as such; removed, the store begins at 0', async () => {
  const place = temporaryDirectory('classic-damage');
  try {
    const store = await openClassicStore(place.path);
    await store.write([row], 1);
    await store.close();
    const manifest = readdirSync(place.path).find((name) => name.startsWith('MANIFEST'));
    writeFileSync(join(place.path, manifest!), 'not a manifest');
    await assert.rejects(openClassicStore(place.path), StateStoreCorrupt);
    await assert.rejects(openClassicStore(place.path), StateStoreCorrupt, 'the lock was given back');
    await removeClassicStore(place.path);
    const anew = await openClassicStore(place.path);
    assert.equal(anew.position, 0);
    assert.equal(anew.get('heads', row.key), undefined);
    await anew.close();
  } finally {
    place.remove();
  }
});

test('rows of another format count as damage: they are made anew from the journal', async () => {
  const place = temporaryDirectory('classic-format');
  try {
    const store = await openClassicStore(place.path, { rowFormat: 1 });
    await store.write([row], 7);
    await store.close();
    for (const rowFormat of [0, 2]) await assert.rejects(openClassicStore(place.path, { rowFormat }), StateStoreCorrupt);
    const again = await openClassicStore(place.path, { rowFormat: 1 });
    assert.equal(again.position, 7);
    await again.close();
  } finally {
    place.remove();
  }
});

test('no directory, no store', async () => {
  const place = temporaryDirectory('classic-file');
  try {
    writeFileSync(join(place.path, 'file'), '');
    await assert.rejects(openClassicStore(join(place.path, 'file', 'store')), StateStoreUnavailable);
  } finally {
    place.remove();
  }
});
