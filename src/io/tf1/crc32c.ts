/** CRC-32C (Castagnoli), with the masking that TensorFlow and LevelDB store it under. Not the CRC of zip archives. */

/** Four tables: the effect of a byte that is followed by 0 to 3 others. */
const tables = makeTables();

function makeTables(): readonly Uint32Array[] {
  const all = Array.from({ length: 4 }, () => new Uint32Array(256));
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
    all[0][byte] = value;
  }
  for (let byte = 0; byte < 256; byte++) {
    for (let i = 1; i < 4; i++) all[i][byte] = (all[i - 1][byte] >>> 8) ^ all[0][all[i - 1][byte] & 255];
  }
  return all;
}

/** The masked checksum of the bytes. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const [t0, t1, t2, t3] = tables;
  let crc = 0xffffffff;
  const whole = bytes.length - (bytes.length % 4);
  let at = 0;
  for (; at < whole; at += 4) {
    crc ^= bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    crc = t3[crc & 255] ^ t2[(crc >>> 8) & 255] ^ t1[(crc >>> 16) & 255] ^ t0[crc >>> 24];
  }
  for (; at < bytes.length; at++) crc = t0[(crc ^ bytes[at]) & 255] ^ (crc >>> 8);
  const value = ~crc >>> 0;
  // Turned round and moved, so that a checksum of data that holds checksums is no accident.
  return (((value >>> 15) | (value << 17)) + 0xa282ead8) >>> 0;
}
