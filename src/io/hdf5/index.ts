/**
 * HDF5 files as trees of groups and datasets: the kinds that Keras and h5py write. Nothing outside of the given bytes is
 * read; every object is read when it is first asked for. Writing is in `write.ts`.
 */
import { isElementType } from "../elements.ts";
import type { HostTensor, HostTensors } from "../hostTensor.ts";
import { type Hdf5Attribute, readAttributes } from "./attributes.ts";
import type { Hdf5File } from "./bounds.ts";
import { readDataset, readFacts, typeName } from "./dataset.ts";
import { readLinks } from "./group.ts";
import { readHeader } from "./header.ts";
import { GlobalHeaps } from "./heaps.ts";
import { openFile } from "./superblock.ts";

export type { Hdf5Attribute } from "./attributes.ts";
export { encodeHdf5, type Hdf5Tree } from "./write.ts";

export interface Hdf5Group {
  readonly kind: "group";
  /** From the root, which is `""`: `layers/lstm/cell`. */
  readonly path: string;
  readonly attributes: ReadonlyMap<string, Hdf5Attribute>;
  readonly children: ReadonlyMap<string, Hdf5Group | Hdf5Dataset>;
}

export interface Hdf5Dataset {
  readonly kind: "dataset";
  readonly path: string;
  readonly attributes: ReadonlyMap<string, Hdf5Attribute>;
  readonly shape: readonly number[];
  /** `float32`, `text`. */
  readonly type: string;
  /** The elements; of float32 in one stretch a view of the file. Raises UnsupportedError for what is no number. */
  read(): HostTensor;
}

/** Groups within groups. */
const deepest = 64;

/** The root of a file. `where` (the file's name) begins the sentences of errors. */
export function decodeHdf5(bytes: Uint8Array, where: string): Hdf5Group {
  const { file, root } = openFile(bytes, where);
  const found = readObject({ file, heaps: new GlobalHeaps(file) }, root, "", []);
  return found.kind === "group" ? found : file.damaged("a group at the root", "a dataset");
}

/** Every array of numbers in a file, by its path. */
export function hdf5Tensors(bytes: Uint8Array, where: string): HostTensors {
  const found: [string, HostTensor][] = [];
  const visit = ({ children }: Hdf5Group): void => {
    for (const child of children.values()) {
      if (child.kind === "group") visit(child);
      else if (isElementType(child.type)) found.push([child.path, child.read()]);
    }
  };
  visit(decodeHdf5(bytes, where));
  return Object.fromEntries(found);
}

interface Open {
  readonly file: Hdf5File;
  readonly heaps: GlobalHeaps;
}

/** `above` are the addresses of the groups around it: a group is never inside of itself. */
function readObject(open: Open, address: number, path: string, above: readonly number[]): Hdf5Group | Hdf5Dataset {
  const { file, heaps } = open;
  if (above.includes(address)) file.damaged(`"${path}" outside of itself`, "a loop of groups");
  if (above.length >= deepest) file.damaged(`at most ${deepest} groups within one another`, "more");
  const messages = readHeader(file, address);
  const attributes = readAttributes(file, path, messages, heaps);
  const facts = readFacts(file, path, messages);
  if (facts !== undefined) {
    const { shape } = facts;
    return {
      kind: "dataset",
      path,
      attributes,
      shape,
      type: typeName(facts),
      read: () => readDataset(file, path, facts),
    };
  }
  const links = readLinks(file, path, messages) ?? file.damaged(`a group or a dataset at "${path}"`, "neither");
  const inner = [...above, address];
  let children: ReadonlyMap<string, Hdf5Group | Hdf5Dataset> | undefined;
  return {
    kind: "group",
    path,
    attributes,
    get children() {
      children ??= new Map(
        [...links].map(([name, at]) => [name, readObject(open, at, path === "" ? name : `${path}/${name}`, inner)]),
      );
      return children;
    },
  };
}
