/** s3rver (MIT): a fake S3 for tests, on node:http. A floor of what the same runtime costs without any promise. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Peer } from './peer.ts';

export const s3rver: Peer = {
  name: 's3rver',
  install: 's3rver: `npm install --no-save s3rver` beside liteio',
  settings: [
    {
      name: 's3rver',
      drives: 1,
      durability: 'nothing, and no setting for it',
      serve: (program) => ({
        kind: 'serve',
        name: 's3rver',
        command: [process.execPath, program, '--silent', '--address', '127.0.0.1', '--port', '{port}', '--directory', '{dir}'],
        // The one pair it knows.
        credentials: { accessKey: 'S3RVER', secretKey: 'S3RVER', region: 'us-east-1' },
      }),
    },
  ],
  async find() {
    try {
      const manifest = createRequire(import.meta.url).resolve('s3rver/package.json');
      const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
      return { version, program: join(dirname(manifest), 'bin', 's3rver.js') };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
      throw error;
    }
  },
};
