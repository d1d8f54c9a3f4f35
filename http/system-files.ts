import { stat } from 'node:fs/promises';

/** What tells a file from what was there before. Links are followed: one that is moved to another file counts. */
export async function fileMark(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = await stat(path);
    return [dev, ino, size, mtimeMs, ctimeMs].join(':');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? '';
  }
}
