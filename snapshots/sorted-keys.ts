/** Keys as latin-1 strings (one character a byte, so string order is byte order), in blocks small enough to insert into. */
const blockKeysMax = 512;

export class SortedKeys {
  private readonly blocks: string[][] = [];

  copy(): SortedKeys {
    const copy = new SortedKeys();
    for (const block of this.blocks) copy.blocks.push([...block]);
    return copy;
  }

  /** Of a key that isn't there yet. */
  insert(key: string): void {
    const at = this.blockOf(key);
    const block = this.blocks[at];
    if (block === undefined) {
      this.blocks.push([key]);
      return;
    }
    block.splice(lowerBound(block, key), 0, key);
    if (block.length > blockKeysMax) this.blocks.splice(at + 1, 0, block.splice(blockKeysMax / 2));
  }

  /** Of a key that is there. */
  remove(key: string): void {
    const at = this.blockOf(key);
    const block = this.blocks[at]!;
    block.splice(lowerBound(block, key), 1);
    if (block.length === 0) this.blocks.splice(at, 1);
  }

  /** Keys >= from, ascending. */
  *ascending(from: string): Generator<string> {
    for (let at = this.blockOf(from); at < this.blocks.length; at++) {
      const block = this.blocks[at]!;
      for (let index = lowerBound(block, from); index < block.length; index++) yield block[index]!;
    }
  }

  /** Keys < below, descending; all when it is undefined. */
  *descending(below: string | undefined): Generator<string> {
    const start = below === undefined ? this.blocks.length - 1 : this.blockOf(below);
    for (let at = start; at >= 0; at--) {
      const block = this.blocks[at] ?? [];
      const end = below === undefined ? block.length : lowerBound(block, below);
      for (let index = end - 1; index >= 0; index--) yield block[index]!;
    }
  }

  /** The block that holds the key or would: the last one whose first key is not above it. */
  private blockOf(key: string): number {
    let low = 0;
    let high = this.blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.blocks[middle]![0]! <= key) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** Index of the first key >= `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
