/** CRC-32C (Castagnoli), as the kernel's `crc32c()`: the seed goes in and the register comes out as they are. */

const TABLE = new Uint32Array(256);
for (let byte = 0; byte < 256; byte++) {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  TABLE[byte] = value;
}

export function crc32c(seed: number, bytes: Uint8Array): number {
  let value = seed >>> 0;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 0xff]! ^ (value >>> 8);
  return value >>> 0;
}
