/** Files for tests: made, filled with repeatable bytes, compared and removed. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout; tests run from dist/test/<area>/. */
export const projectRoot = join(dirname(fileURLToPath(import.meta.url)), '../../..');

/** A directory under the system's temporary one, and the call that removes it. */
export function temporaryDirectory(name: string): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `liteio-${name}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** `length` bytes that depend on `seed` alone and don't compress: AES would do, a xorshift is enough. */
export function seededBytes(length: number, seed: number): Buffer {
  const bytes = Buffer.allocUnsafe(length + 4);
  let state = (seed * 2654435761 + 1) >>> 0 || 1;
  for (let at = 0; at < length; at += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    bytes.writeUInt32LE(state, at);
  }
  return bytes.subarray(0, length);
}

/** Writes a tree of files: path -> content. */
export function writeTree(root: string, files: Readonly<Record<string, Uint8Array | string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}

/** path -> SHA-256 of every file below `root`. */
export function treeDigest(root: string): Record<string, string> {
  const digests: Record<string, string> = {};
  const walk = (directory: string): void => {
    for (const name of readdirSync(directory).sort()) {
      const path = join(directory, name);
      if (statSync(path).isDirectory()) walk(path);
      else digests[relative(root, path)] = createHash('sha256').update(readFileSync(path)).digest('hex');
    }
  };
  walk(root);
  return digests;
}
