/** Files that break one rule of their format each, with the sentence that says so. */

/** A file from its header, written as a person would. */
export function safetensorsFile(header: unknown, dataLength: number): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataLength);
  new DataView(bytes.buffer).setUint32(0, json.length, true);
  bytes.set(json, 8);
  return bytes;
}

const entry = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
export const brokenSafetensors: Record<string, [Uint8Array, RegExp]> = {
  "no bytes": [new Uint8Array(0), /expected at least the 8 bytes.*got 0 bytes/],
  "a huge header": [new Uint8Array(8).fill(255), /expected a header of at most 100000000 bytes/],
  "a header longer than the file": [
    Uint8Array.of(50, 0, 0, 0, 0, 0, 0, 0, 1),
    /expected a header of 50 bytes, got 1\. The file is truncated/,
  ],
  "no JSON": [safetensorsFile("{oops", 0), /expected 5 bytes of JSON/],
  "invalid UTF-8": [Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe), /JSON/],
  "a JSON list": [safetensorsFile([], 0), /JSON object/],
  "metadata that is no text": [safetensorsFile({ __metadata__: { a: 1 } }, 0), /"__metadata__" to map names to text/],
  "an entry that is no object": [safetensorsFile({ w: 3 }, 0), /tensor "w": expected an object/],
  "an unknown element type": [
    safetensorsFile({ w: { ...entry, dtype: "F4" } }, 8),
    /tensor "w": expected one of the element types F16.*got "F4"/,
  ],
  "an element type named like a method": [safetensorsFile({ w: { ...entry, dtype: "toString" } }, 8), /got "toString"/],
  "a negative size": [safetensorsFile({ w: { ...entry, shape: [-2] } }, 8), /shape of whole numbers, got \[-2\]/],
  "a shape of other bytes": [
    safetensorsFile({ w: { ...entry, shape: [3] } }, 8),
    /expected 12 bytes for F32 of shape \[3\], got 8/,
  ],
  "a shape beyond all numbers": [
    safetensorsFile({ w: { ...entry, shape: [2 ** 40, 2 ** 40] } }, 8),
    /expected 4\.8.*bytes/,
  ],
  "reversed offsets": [
    safetensorsFile({ w: { ...entry, data_offsets: [8, 0] } }, 8),
    /data_offsets \[begin, end\], got \[8,0\]/,
  ],
  "data that ends early": [
    safetensorsFile({ w: entry }, 4),
    /expected 8 bytes of data up to tensor "w", got 4\. The file is truncated/,
  ],
  "data that goes on": [safetensorsFile({ w: entry }, 9), /expected 8 bytes of data, got 9/],
  "an overlap": [
    safetensorsFile({ w: entry, v: { ...entry, data_offsets: [4, 12] } }, 12),
    /tensor "v" to begin at byte 8, got 4, which overlaps/,
  ],
  "a gap": [
    safetensorsFile({ w: entry, v: { ...entry, data_offsets: [12, 20] } }, 20),
    /tensor "v" to begin at byte 8, got 12, which leaves a gap/,
  ],
};

/** A `.npy` file with a header of any text; `version` 1 has two length bytes, 2 and 3 have four. */
export function npyFile(header: string, data: Uint8Array, version = 1): Uint8Array {
  const text = new TextEncoder().encode(header);
  const lengthBytes = version === 1 ? 2 : 4;
  const bytes = new Uint8Array(8 + lengthBytes + text.length + data.length);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0, text.length & 255, text.length >> 8]);
  bytes.set(text, 8 + lengthBytes);
  bytes.set(data, 8 + lengthBytes + text.length);
  return bytes;
}

export const brokenNpy: Record<string, [Uint8Array, RegExp]> = {
  "not an npy": [new Uint8Array(20), /expected a \.npy file that begins with \\x93NUMPY/],
  "version 9": [npyFile("{}", new Uint8Array(), 9), /version 1, 2 or 3, got 9/],
  "a header past the end": [npyFile("{}", new Uint8Array(), 1).subarray(0, 11), /truncated/],
  "pickled objects": [
    npyFile("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", new Uint8Array(8)),
    /got '\|O'/,
  ],
  "complex numbers": [
    npyFile("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", new Uint8Array(8)),
    /got '<c8'.*astype/,
  ],
  "a record": [
    npyFile("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", new Uint8Array(4)),
    /got \[\('a'/,
  ],
  "no shape": [npyFile("{'descr': '<f4', 'fortran_order': False}", new Uint8Array(4)), /expected a header with descr/],
  "too little data": [
    npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", new Uint8Array(4)),
    /expected 8 bytes.*got 4.*truncated/,
  ],
};
