import type { Disk } from '../disk.ts';
import { journalDirectory, segmentOfName, segmentPath, withFile } from './segment.ts';

/** Segments at the end of a log that a mirror may be writing to: it trails by at most its backlog, of two segments, and one may just begin. */
const openSegmentsMax = 4;
const pieceBytes = 1024 * 1024;

/**
 * Copies the end of a log into new files, under the same names. A server that was stopped or cut off, and had these drives before, may still
 * have a write under way to the old ones: it reaches nothing that is read any more. Throws what the disk throws.
 */
export async function displace(disk: Disk): Promise<void> {
  const segments = (await disk.list(journalDirectory)).map(segmentOfName).filter((segment) => segment !== undefined);
  for (const segment of segments.slice(-openSegmentsMax)) {
    const path = segmentPath(segment);
    const copyPath = `${path}.new`;
    await withFile(disk, path, 'read', (from) =>
      withFile(disk, copyPath, 'create', async (to) => {
        await to.truncate(0);
        const piece = Buffer.allocUnsafeSlow(pieceBytes);
        let at = 0;
        for (let count = await from.read(piece, at); count > 0; count = await from.read(piece, at)) {
          await to.write([piece.subarray(0, count)], at);
          at += count;
        }
        await to.sync();
      }),
    );
    await disk.rename(copyPath, path);
  }
  await disk.syncDirectory(journalDirectory);
}
