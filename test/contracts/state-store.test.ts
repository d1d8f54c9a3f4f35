import { join } from 'node:path';
import { systemClock } from '../../http/system-clock.ts';
import { openClassicStore } from '../../snapshots/classic-store.ts';
import { laggingStore } from '../../snapshots/lagging-store.ts';
import { memoryStore } from '../../snapshots/memory-store.ts';
import { openStandbyStore } from '../../snapshots/standby-store.ts';
import { temporaryDirectory } from '../support/files.ts';
import { testStateStore } from '../support/state-store-conformance.ts';

const small = { cacheBytes: 1024 * 1024, writeBufferBytes: 1024 * 1024 };

testStateStore('memory', async () => ({ open: async () => memoryStore(), keeps: false, dispose: async () => undefined }));

testStateStore('LevelDB', async () => {
  const place = temporaryDirectory('state-store');
  return { open: () => openClassicStore(join(place.path, 'snapshots'), small), keeps: true, dispose: async () => place.remove() };
});

testStateStore('LevelDB with a hot table', async () => {
  const place = temporaryDirectory('state-store-hot');
  const open = () => openClassicStore(join(place.path, 'snapshots'), { ...small, hotTables: ['heads'] });
  return { open, keeps: true, dispose: async () => place.remove() };
});

testStateStore('LevelDB whose rows arrive later', async () => {
  const place = temporaryDirectory('state-store-lagging');
  const open = async () => laggingStore(await openClassicStore(join(place.path, 'snapshots'), small), systemClock);
  return { open, keeps: true, dispose: async () => place.remove() };
});

testStateStore('LevelDB with a standby', async () => {
  const place = temporaryDirectory('state-store-standby');
  const drives = ['one', 'two'].map((name) => ({
    name,
    open: () => openClassicStore(join(place.path, name), small),
    remove: async () => undefined,
  }));
  const catchUp = async (): Promise<never> => {
    throw new Error('a standby that saw every batch needs no journal');
  };
  return { open: () => openStandbyStore({ drives, catchUp, log: () => undefined }), keeps: true, dispose: async () => place.remove() };
});
