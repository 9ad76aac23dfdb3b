/**
 * The keys under which a checkpoint keeps the parts of a partitioned variable: a name and a slice in an encoding whose
 * bytes sort as the values do (OrderedCode). Only writing it: keys are looked up, never read.
 */

/** Where a part begins and how long it is along each axis; whole if there is no length. */
export type Slice = readonly { readonly start: number; readonly length: number | undefined }[];

/** The key, one character a byte. */
export function keyOfSlice(name: string, slice: Slice): string {
  const axes = slice.flatMap(({ start, length }) => [...signedBytes(start), ...signedBytes(length ?? -1)]);
  const bytes = [...unsignedBytes(0), ...textBytes(name), ...unsignedBytes(slice.length), ...axes];
  return bytes.map((byte) => String.fromCharCode(byte)).join("");
}

/** How many bytes follow, and these, most significant first; 0 has none. */
function unsignedBytes(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [bytes.length, ...bytes];
}

/** 0 becomes 0 255 and 255 becomes 255 0, so that 0 1 can end it. */
function textBytes(text: string): number[] {
  const bytes = [...new TextEncoder().encode(text)];
  return [...bytes.flatMap((byte) => (byte === 0 ? [0, 255] : byte === 255 ? [255, 0] : [byte])), 0, 1];
}

/**
 * As many bytes as 7 bits each need with one for the sign; how many is in the leading ones of the first two. Written for
 * numbers of up to 53 bits, that is eight bytes.
 */
function signedBytes(value: number): number[] {
  const size = BigInt(value < 0 ? -value - 1 : value);
  let length = 1;
  while (size >= 1n << BigInt(7 * length - 1)) length++;
  const all = BigInt.asUintN(8 * length, BigInt(value));
  const bytes = Array.from({ length }, (_, i) => Number((all >> BigInt(8 * (length - 1 - i))) & 255n));
  bytes[0] ^= (0xff00 >> length) & 255;
  return bytes;
}
