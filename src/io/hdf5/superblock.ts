/** The superblock: the first bytes of an HDF5 file, which say how wide addresses are and where the root group is. */
import { ByteReader } from "../bytes.ts";
import { Hdf5File } from "./bounds.ts";

const signature = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

/** Opens a file. Versions 0 and 1 (h5py by default) and 2 and 3 (`libver="latest"`). */
export function openFile(bytes: Uint8Array, where: string): { file: Hdf5File; root: number } {
  const reader = new ByteReader(bytes, where);
  const start = new Hdf5File(bytes, where, 8, 8);
  if (bytes.length < 9 || !signature.every((byte, i) => bytes[i] === byte)) {
    start.damaged("the signature of HDF5 in the first 8 bytes", "others");
  }
  const version = reader.seek(8).u8();
  if (version > 3) start.damaged("a superblock of version 0 to 3", String(version));
  const [offsetSize, lengthSize] = version < 2 ? [reader.skip(4).u8(), reader.u8()] : [reader.u8(), reader.u8()];
  if (![2, 4, 8].includes(offsetSize) || ![2, 4, 8].includes(lengthSize)) {
    start.damaged("addresses and lengths of 2, 4 or 8 bytes", `${offsetSize} and ${lengthSize}`);
  }
  const file = new Hdf5File(bytes, where, offsetSize, lengthSize);
  // What lies between: node sizes and flags of version 0, two numbers more in version 1, flags in 2 and 3.
  reader.skip(version < 2 ? 9 + 4 * version : 1);
  const base = file.place(reader);
  if (base !== 0) file.damaged("a file that begins at its first byte", `a base address of ${base}`);
  if (version >= 2) {
    reader.skip(2 * offsetSize);
    return { file, root: file.place(reader) };
  }
  // Free space, end of file and driver information; then the root's entry: the offset of its name, its header.
  reader.skip(3 * offsetSize + offsetSize);
  return { file, root: file.place(reader) };
}
