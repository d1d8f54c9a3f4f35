/**
 * A table of LevelDB 1.20 proved by ourselves, from the footer to the last block. LevelDB checks no block that it reads for us, and ends
 * the process on some of those that are damaged. Pure over bytes.
 */
import { DamagedFile, Fields, type LiveTable, maskedCrc } from './leveldb-manifest.ts';

const footerBytes = 48;
/** Behind each block: how it is compressed, and the masked CRC32C of it and of that. */
const trailerBytes = 5;
const uncompressed = 0;
const magic = Buffer.from('57fb808b247547db', 'hex');

/** `file` is the whole table. @throws DamagedFile */
export function proveTable(table: LiveTable, file: Buffer): void {
  if (file.length !== table.bytes) throw new DamagedFile(`${file.length} bytes in place of ${table.bytes}`);
  if (file.length < footerBytes) throw new DamagedFile('no room for a footer');
  const footer = file.subarray(file.length - footerBytes);
  if (!footer.subarray(footerBytes - magic.length).equals(magic)) throw new DamagedFile('the footer is none');
  const handles = new Fields(footer);
  const [listOfOthers, index] = [blockAt(file, handles), blockAt(file, handles)];
  const walk = new Walk(file);
  let data: Buffer | undefined;
  let firstKey: Buffer | undefined;
  for (const { value } of entriesOf(index.bytes)) {
    data = walk.next(value);
    firstKey ??= entriesOf(data).next().value?.key;
  }
  // The filter, by which LevelDB says that a key isn't there without looking.
  for (const { value } of entriesOf(listOfOthers.bytes)) walk.next(value);
  walk.end([listOfOthers, index]);
  // Whole, but another table than the one MANIFEST means: under the same number, of the same size.
  if (data === undefined || !firstKey?.equals(table.smallest)) throw new DamagedFile('it begins with another key');
  let lastKey: Buffer | undefined;
  for (const { key } of entriesOf(data)) lastKey = key;
  if (!lastKey?.equals(table.largest)) throw new DamagedFile('it ends with another key');
}

interface Block {
  readonly offset: number;
  /** Behind its trailer. */
  readonly end: number;
  readonly bytes: Buffer;
}

/** Block follows block without a gap, from the first byte to the footer: none is left out of what leads to it. */
class Walk {
  private readonly file: Buffer;
  private at = 0;

  constructor(file: Buffer) {
    this.file = file;
  }

  next(handle: Buffer): Buffer {
    const block = blockAt(this.file, new Fields(handle));
    this.end([block]);
    return block.bytes;
  }

  end(blocks: readonly Block[]): void {
    for (const { offset, end } of blocks) {
      if (offset !== this.at) throw new DamagedFile(`nothing leads to what lies at byte ${this.at}`);
      this.at = end;
    }
  }
}

function blockAt(file: Buffer, handle: Fields): Block {
  const offset = handle.number();
  const end = offset + handle.number();
  if (end + trailerBytes > file.length - footerBytes) throw new DamagedFile(`the block at byte ${offset} lies outside`);
  if (file[end] !== uncompressed) throw new DamagedFile(`the block at byte ${offset} is compressed`);
  if (maskedCrc(file.subarray(offset, end + 1)) !== file.readUInt32LE(end + 1)) throw new DamagedFile(`the block at byte ${offset}`);
  return { offset, end: end + trailerBytes, bytes: file.subarray(offset, end) };
}

/** Keys are what they share with the one before, and the rest; behind the entries lie the offsets of those that share nothing, and their number. */
function* entriesOf(block: Buffer): Generator<{ readonly key: Buffer; readonly value: Buffer }> {
  if (block.length < 4) throw new DamagedFile('a block without an end');
  const end = block.length - 4 - 4 * block.readUInt32LE(block.length - 4);
  if (end < 0) throw new DamagedFile('a block without entries');
  const fields = new Fields(block.subarray(0, end));
  let key: Buffer = Buffer.alloc(0);
  while (fields.more) {
    const [shared, rest, length] = [fields.number(), fields.number(), fields.number()];
    if (shared > key.length) throw new DamagedFile('a key that shares more than there is');
    key = Buffer.concat([key.subarray(0, shared), fields.bytes(rest)]);
    yield { key, value: fields.bytes(length) };
  }
}
