/**
 * CRC64NVME of a small body (reflected polynomial 0x9a6c9329ac4bc9b5, all ones in and out), by a table in two halves: no
 * 64-bit numbers in the loop. About 100 MB/s, meant for XML; objects are summed by the engine's workers.
 */
const polynomialHigh = 0x9a6c9329;
const polynomialLow = 0xac4bc9b5;
const tableHigh = new Uint32Array(256);
const tableLow = new Uint32Array(256);

for (let byte = 0; byte < 256; byte++) {
  let high = 0;
  let low = byte;
  for (let bit = 0; bit < 8; bit++) {
    const carry = low & 1;
    low = ((low >>> 1) | (high << 31)) >>> 0;
    high >>>= 1;
    if (carry) {
      high = (high ^ polynomialHigh) >>> 0;
      low = (low ^ polynomialLow) >>> 0;
    }
  }
  tableHigh[byte] = high;
  tableLow[byte] = low;
}

/** 8 bytes, big endian. */
export function crc64Nvme(bytes: Uint8Array): Buffer {
  let high = 0xffffffff;
  let low = 0xffffffff;
  for (const byte of bytes) {
    const index = (low ^ byte) & 0xff;
    low = ((low >>> 8) | (high << 24)) ^ (tableLow[index] as number);
    high = (high >>> 8) ^ (tableHigh[index] as number);
  }
  const digest = Buffer.alloc(8);
  digest.writeUInt32BE(~high >>> 0, 0);
  digest.writeUInt32BE(~low >>> 0, 4);
  return digest;
}
