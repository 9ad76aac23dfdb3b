/** NumPy's `.npz`: a zip archive of `.npy` files, one per named array. Reads compressed ones too, writes uncompressed. */

import type { HostTensors } from "../hostTensor.ts";
import { decodeNpy, encodeNpy } from "../npy.ts";
import { encodeZip } from "../zip.ts";
import { decodeZip } from "./zip.ts";

/** Bytes of an archive that `numpy.load` opens. */
export function encodeNpz(tensors: HostTensors): Uint8Array {
  return encodeZip(Object.entries(tensors).map(([name, tensor]) => [`${name}.npy`, encodeNpy(tensor)]));
}

/** The arrays by name; members that are not `.npy` are left out. `where` (a file's name) begins the sentences of errors. */
export function decodeNpz(bytes: Uint8Array, where = "npz"): HostTensors {
  const entries = [...decodeZip(bytes, where)].filter(([name]) => name.endsWith(".npy"));
  return Object.fromEntries(
    entries.map(([name, data]) => [name.slice(0, -4), decodeNpy(data, `${where}: array "${name.slice(0, -4)}"`)]),
  );
}
