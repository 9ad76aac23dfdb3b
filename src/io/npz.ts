/** NumPy's `.npz` in Node and in pages: a zip archive of `.npy` files. `node/npz.ts` reads it at once, with Node's zlib. */
import type { HostTensors } from "./hostTensor.ts";
import { decodeNpy, encodeNpy } from "./npy.ts";
import { encodeZip, readZip } from "./zip.ts";

/** Bytes of an archive that `numpy.load` opens. */
export function encodeNpz(tensors: HostTensors): Uint8Array {
  return encodeZip(Object.entries(tensors).map(([name, tensor]) => [`${name}.npy`, encodeNpy(tensor)]));
}

/** The arrays by name; members that are not `.npy` are left out. `where` (a file's name) begins the sentences of errors. */
export async function decodeNpzArchive(bytes: Uint8Array, where = "npz"): Promise<HostTensors> {
  return arraysOf(await readZip(bytes, where, isArray), where);
}

/** The arrays of an archive that has been read. */
export function arraysOf(members: ReadonlyMap<string, Uint8Array>, where: string): HostTensors {
  const arrays = [...members].filter(([name]) => isArray(name));
  return Object.fromEntries(
    arrays.map(([name, data]) => [name.slice(0, -4), decodeNpy(data, `${where}: array "${name.slice(0, -4)}"`)]),
  );
}

function isArray(name: string): boolean {
  return name.endsWith(".npy");
}
