/** NumPy's `.npz` read at once: compressed members with Node's zlib. The format is in `../npz.ts`. */
import type { HostTensors } from "../hostTensor.ts";
import { arraysOf } from "../npz.ts";
import { decodeZip } from "./zip.ts";

export { encodeNpz } from "../npz.ts";

/** The arrays by name; members that are not `.npy` are left out. `where` (a file's name) begins the sentences of errors. */
export function decodeNpz(bytes: Uint8Array, where = "npz"): HostTensors {
  return arraysOf(decodeZip(bytes, where), where);
}
