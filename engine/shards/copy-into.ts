/**
 * Copies bytes to `at` in a buffer, where they have room. `set` and `copy` go word by word into shared memory, and byte by byte where
 * the two don't lie alike; a `fill` with as many bytes as there is room for is one plain copy.
 */
export function copyInto(target: Buffer, at: number, bytes: Uint8Array): void {
  if (bytes.length > 0) target.fill(bytes, at, at + bytes.length);
}
