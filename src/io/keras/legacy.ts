/** The weights of a legacy `.h5`: a list for each layer, named in attributes, which are cut into pieces where they are long. */
import { FormatError } from "../../base/errors.ts";
import type { Hdf5Dataset, Hdf5Group } from "../hdf5/index.ts";
import type { HostTensor } from "../hostTensor.ts";
import { quoted } from "../quoted.ts";

export interface LegacyLists {
  /** The arrays of a layer in order; undefined for a name that the file does not have. */
  (layer: string): readonly (() => HostTensor)[] | undefined;
  /** The layers of the file. */
  readonly names: readonly string[];
}

/** Reads the names of all weights; the arrays when they are asked for. */
export function legacyLists(group: Hdf5Group, where: string): LegacyLists {
  const names = textList(group, "layer_names");
  const lists = new Map(
    names.map((name) => {
      const own = group.children.get(name);
      if (own?.kind !== "group") throw missing(where, name);
      return [name, textList(own, "weight_names").map((path) => () => datasetAt(own, path, where).read())] as const;
    }),
  );
  return Object.assign((layer: string) => lists.get(layer), { names });
}

/** An attribute of texts; of a long one `layer_names0`, `layer_names1`, ... */
export function textList({ attributes }: Hdf5Group, name: string): string[] {
  const whole = attributes.get(name);
  const parts: unknown[] = whole === undefined ? [] : [whole];
  for (let i = 0; attributes.has(`${name}${i}`); i++) parts.push(attributes.get(`${name}${i}`));
  return parts.flatMap((part) => (Array.isArray(part) ? part.map(String) : []));
}

/** The same to write: texts take the room of the longest, and an attribute of HDF5 holds 64 kB. */
export function textAttributes(name: string, texts: readonly string[]): Readonly<Record<string, readonly string[]>> {
  const longest = Math.max(1, ...texts.map((text) => new TextEncoder().encode(text).length));
  const most = Math.max(1, Math.floor(64_000 / longest));
  if (texts.length <= most) return { [name]: texts };
  const count = Math.ceil(texts.length / most);
  return Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`${name}${i}`, texts.slice(i * most, (i + 1) * most)]),
  );
}

/** Whether a group has such an attribute, whole or in parts. */
export function hasTexts({ attributes }: Hdf5Group, name: string): boolean {
  return attributes.has(name) || attributes.has(`${name}0`);
}

function datasetAt(group: Hdf5Group, path: string, where: string): Hdf5Dataset {
  let at: Hdf5Group | Hdf5Dataset | undefined = group;
  for (const name of path.split("/")) at = at?.kind === "group" ? at.children.get(name) : undefined;
  if (at?.kind === "dataset") return at;
  throw missing(where, path);
}

function missing(where: string, path: string): FormatError {
  return new FormatError(
    `${where}: expected the weights ${quoted(path)}, which the file names, got none. The file is damaged; save it again.`,
    { path },
  );
}

/** How many numbers each layer of a file has; empty where there are no weights. */
export function legacyShapes({ children }: Hdf5Group): Map<string, number> {
  const weights = children.get("model_weights");
  if (weights?.kind !== "group") return new Map();
  return new Map([...weights.children].map(([name, one]) => [name, numbersIn(one)]));
}

function numbersIn(one: Hdf5Group | Hdf5Dataset): number {
  if (one.kind === "dataset") return one.shape.reduce((a, b) => a * b, 1);
  return [...one.children.values()].reduce((sum, child) => sum + numbersIn(child), 0);
}
