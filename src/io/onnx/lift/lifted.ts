/**
 * Values of a graph as values of a network of layers. Axes are lists of atoms, such as batch, time and features: each value
 * says how its tensor in ONNX lies beside the value of the network, so that what only moves axes needs no layer.
 */
import { type Dim, equalDims, multiplyDims } from "../../../base/dims.ts";
import type { Shape } from "../../../base/shapes.ts";

/** What an axis holds, slowest first: nothing for an axis of size 1. */
export type Axis = readonly string[];

/** A value of the network. */
export interface Drawn {
  readonly kind: "drawn";
  /** Of an input, a connection, or what lies beside one: `encoder.state.h`. */
  readonly name: string;
  /** Its axes in the network: batch, time, features. */
  readonly own: readonly Axis[];
  /** Those of the tensor in ONNX. */
  readonly axes: readonly Axis[];
}

/** One value of each direction of a layer, in an axis that holds the atom `over`. */
export interface Both {
  readonly kind: "both";
  readonly names: readonly [string, string];
  readonly over: string;
  readonly own: readonly Axis[];
  readonly axes: readonly Axis[];
}

/** A recurrent state that the graph is given: the model's own affair. */
export interface StateOnly {
  readonly kind: "state";
}

/** Final states of several layers and directions along the first axis, [layers * directions, b, units]. */
export interface Stacked {
  readonly kind: "stacked";
  /** One for each place of that axis; undefined for what is not known. */
  readonly parts: readonly (Drawn | undefined)[];
}

export type Lifted = Drawn | Both | StateOnly | Stacked;

/** Each direction alone, along the axis of directions. */
export function directionsOf({ names, own, axes, over }: Both): readonly Drawn[] {
  const alone = axes.map((axis) => axis.filter((atom) => atom !== over));
  return names.map((name) => ({ kind: "drawn", name, own, axes: alone }));
}

export type Sizes = ReadonlyMap<string, Dim>;

export const isEqualAxis = (a: Axis, b: Axis): boolean => a.length === b.length && a.every((atom, i) => atom === b[i]);

/** How the axes lie among the value's own, as text: equal for two values that lie alike. */
export function arrangement({ own, axes }: Drawn): string {
  const atoms = own.flat();
  return JSON.stringify(axes.map((axis) => axis.map((atom) => atoms.indexOf(atom))));
}

/** The axes of a tensor that was given another shape; undefined where an atom would be cut. */
export function regrouped(axes: readonly Axis[], shape: Shape, sizes: Sizes): readonly Axis[] | undefined {
  return grouped(axes.flat(), shape, sizes);
}

/** Atoms in axes of these sizes. Where an atom has size 1, as a fixed batch may, several ways are tried. */
function grouped(atoms: Axis, [size, ...rest]: Shape, sizes: Sizes): readonly Axis[] | undefined {
  if (size === undefined) return atoms.length === 0 ? [] : undefined;
  for (const count of countsFor(atoms, size, sizes)) {
    const others = grouped(atoms.slice(count), rest, sizes);
    if (others !== undefined) return [atoms.slice(0, count), ...others];
  }
  return undefined;
}

/** How many atoms fill an axis, the likeliest first: an axis of size 1 is rather an atom of that size than nothing. */
function countsFor(atoms: Axis, wanted: Dim, sizes: Sizes): readonly number[] {
  const counts: number[] = [];
  let product: Dim = 1;
  for (let count = 0; count <= atoms.length; count++) {
    if (count > 0) product = multiplyDims(product, sizes.get(atoms[count - 1]) ?? 1);
    if (equalDims(product, wanted)) counts.push(count);
  }
  return wanted === 1 && counts[0] === 0 && counts.length > 1 ? [...counts.slice(1), 0] : counts;
}

/** Whether the tensor has the value's own axes in their order, beside others of size 1. */
export function isPlain({ own, axes }: Drawn): boolean {
  const filled = axes.filter((axis) => axis.length > 0);
  return filled.length === own.length && filled.every((axis, i) => isEqualAxis(axis, own[i]));
}
