/**
 * Which of the given arrays is which: by name, in the two-directions arrays of ONNX, or within one buffer. Reading takes
 * arrays apart into one piece for each array of each run; writing puts the pieces together again.
 */
import { OptionError, ShapeError } from "../../../base/errors.ts";
import { formatShape } from "../../../base/shapes.ts";
import { Tensor } from "../../../trace/index.ts";
import { weightLayouts } from "./formats.ts";
import { type Numbers, RawFloats } from "./grid.ts";
import { type ArrayPlan, sizeOfPlan } from "./plan.ts";
import type { Packing, Run } from "./runs.ts";

/** An array as people have it: `{ shape, data }`, row-major. */
export interface PlainArray {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

/** An array as it is exported; `encodeSafetensors` takes it, and `tensor(data, { shape })`. */
export interface PackedArray {
  readonly dtype: "float32";
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export type PlainArrays = Readonly<Record<string, PlainArray | Tensor>>;

/** The same, or with the numbers as they lie in a file. */
export interface GivenArray {
  readonly shape: readonly number[];
  readonly data: Numbers;
}

export type GivenArrays = Readonly<Record<string, GivenArray | Tensor>>;

/** One array of one run. */
export interface Piece {
  readonly run: Run;
  readonly plan: ArrayPlan;
}

/** The arrays whose names begin with the prefix, by the rest of their names. */
export function withPrefix(where: string, arrays: GivenArrays, prefix: string): Map<string, GivenArray> {
  if (typeof arrays !== "object" || arrays === null)
    throw new OptionError(`${where}: expected arrays by name, got ${typeof arrays}. Give { [name]: { shape, data } }.`);
  const found = new Map<string, GivenArray>();
  for (const [name, array] of Object.entries(arrays)) {
    if (!name.startsWith(prefix)) continue;
    const plain = array instanceof Tensor ? { shape: array.shape as readonly number[], data: array.data() } : array;
    if (!Array.isArray(plain?.shape) || plain.data?.length !== plain.shape.reduce((a, b) => a * b, 1)) {
      throw new ShapeError(
        `${where}: expected "${name}" to be a tensor or { shape, data } with as many numbers as the shape says, got ${plain?.data?.length ?? "no"} numbers for ${JSON.stringify(plain?.shape)}. Check how it was read.`,
        { name },
      );
    }
    found.set(name.slice(prefix.length), plain);
  }
  return found;
}

/** The names under which an array is looked for; its full name first. */
function namesOf({ format }: Packing, { run: { place }, plan: { layout } }: Piece): string[] {
  const { nameOf } = weightLayouts[format];
  const own = [layout.name, ...(layout.otherNames ?? [])];
  const bare = place.layers === 1 && place.direction === undefined ? own : [];
  return [...own.map((name) => nameOf(place, name)), ...bare];
}

/** The given array of each piece; every array must be used, and none be missing. */
export function matchNames(
  packing: Packing,
  pieces: readonly Piece[],
  given: ReadonlyMap<string, GivenArray>,
): Map<Piece, GivenArray> {
  const { where } = packing;
  const wanted = pieces.map((piece) => ({ piece, names: namesOf(packing, piece) }));
  const found = new Map<Piece, { name: string; array: GivenArray }>();
  const unused: string[] = [];
  for (const [name, array] of given) {
    const scored = wanted.map(({ piece, names }) => ({ piece, score: Math.max(...names.map((n) => score(n, name))) }));
    const best = Math.max(...scored.map((one) => one.score));
    const owners = best === 0 ? [] : scored.filter((one) => one.score === best);
    const other = owners.length === 1 ? found.get(owners[0].piece)?.name : undefined;
    if (other !== undefined) {
      throw new OptionError(
        `${where}: expected one array "${wanted.find(({ piece }) => piece === owners[0].piece)?.names[0]}", got "${other}" and "${name}". Give the beginning of the names that are meant: { prefix: "..." }.`,
        { arrays: [other, name] },
      );
    }
    if (owners.length === 1) found.set(owners[0].piece, { name, array });
    else unused.push(name);
  }
  const missing = wanted
    .filter(({ piece }) => !found.has(piece) && piece.plan.holdsWeights)
    .map(({ names }) => names[0]);
  if (missing.length + unused.length > 0) throw namesDiffer(where, wanted, missing, unused);
  return new Map([...found].map(([piece, { array }]) => [piece, array]));
}

function namesDiffer(
  where: string,
  wanted: readonly { readonly names: readonly string[] }[],
  missing: readonly string[],
  unused: readonly string[],
): OptionError {
  const list = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(", ");
  const problems = [
    missing.length > 0 ? `${list(missing)} ${missing.length > 1 ? "are" : "is"} missing` : "",
    unused.length > 0 ? `${list(unused)} ${unused.length > 1 ? "have" : "has"} no place` : "",
  ].filter((problem) => problem !== "");
  const expected = wanted.map(({ names }) => names[0]).join(", ");
  return new OptionError(
    `${where}: expected the arrays ${expected}, but ${problems.join(" and ")}. Give { prefix } to take only names that begin so, or a cell with other layers, units or options.`,
    { missing, unused },
  );
}

/**
 * How well a given name fits a full one, 0 for not at all. The last part must be the array's own name; the other parts
 * may stand anywhere before it, and `forward` also fits `forward_lstm`. TensorFlow's `:0` does not count.
 */
function score(full: string, given: string): number {
  const parts = given.replace(/:\d+$/, "").split(/[/.]/);
  const wanted = full.split("/");
  const last = wanted.pop();
  if (parts.pop() !== last) return 0;
  const fits = wanted.every((one) => parts.some((part) => part === one || part.startsWith(`${one}_`)));
  return fits ? wanted.length + 1 : 0;
}

/** The numbers of each piece, in the order of its plan. Raises ShapeError for an array of another shape. */
export function readPieces(
  packing: Packing,
  pieces: readonly Piece[],
  given: ReadonlyMap<string, GivenArray>,
): Map<Piece, Numbers> {
  const { where, format } = packing;
  switch (weightLayouts[format].packing) {
    case "named": {
      const matched = matchNames(packing, pieces, given);
      for (const [{ plan }, { shape }] of matched) expectShape(where, plan.layout.name, plan.shape, shape);
      return new Map([...matched].map(([piece, { data }]) => [piece, data]));
    }
    case "directions": {
      const groups = directionsOf(pieces);
      const firsts = groups.map(([first]) => first);
      const matched = matchNames(packing, firsts, given);
      return new Map(
        groups.flatMap((group) => {
          const array = matched.get(group[0]);
          if (array === undefined) return [];
          const { layout, shape } = group[0].plan;
          expectShape(where, layout.name, [group.length, ...shape], array.shape);
          return cut(group, array.data);
        }),
      );
    }
    case "buffer": {
      const ordered = bufferOrder(pieces);
      const total = ordered.reduce((sum, { plan }) => sum + sizeOfPlan(plan), 0);
      const buffer = bufferOf(where, given);
      expectShape(where, "params", [total], [buffer.data.length]);
      return new Map(cut(ordered, buffer.data));
    }
  }
}

/** The arrays that the pieces make, by their full names. */
export function writePieces(packing: Packing, pieces: ReadonlyMap<Piece, Float32Array>): Record<string, PackedArray> {
  const all = [...pieces.keys()];
  const { nameOf, packing: kind } = weightLayouts[packing.format];
  switch (kind) {
    case "named":
      return Object.fromEntries(
        all.map((piece) => [
          nameOf(piece.run.place, piece.plan.layout.name),
          joined([piece], pieces, piece.plan.shape),
        ]),
      );
    case "directions":
      return Object.fromEntries(
        directionsOf(all).map((group) => {
          const { layout, shape } = group[0].plan;
          return [layout.name, joined(group, pieces, [group.length, ...shape])];
        }),
      );
    case "buffer": {
      const total = all.reduce((sum, { plan }) => sum + sizeOfPlan(plan), 0);
      return { params: joined(bufferOrder(all), pieces, [total]) };
    }
  }
}

/** The buffer: the only array there is, whatever its name. */
export function bufferOf(where: string, given: ReadonlyMap<string, GivenArray>): GivenArray {
  const [only, another] = [...given.values()];
  if (only !== undefined && another === undefined) return only;
  throw new OptionError(
    `${where}: expected one array, the whole buffer, got ${given.size} (${[...given.keys()].join(", ")}). Give { params }.`,
    { arrays: [...given.keys()] },
  );
}

/** Matrices of all runs first, then the vectors of all runs. */
export function bufferOrder(pieces: readonly Piece[]): Piece[] {
  const isVector = ({ plan }: Piece): boolean => plan.shape.length === 1;
  return [...pieces.filter((piece) => !isVector(piece)), ...pieces.filter(isVector)];
}

function directionsOf(pieces: readonly Piece[]): Piece[][] {
  const names = [...new Set(pieces.map(({ plan }) => plan.layout.name))];
  return names.map((name) => pieces.filter(({ plan }) => plan.layout.name === name));
}

function cut(pieces: readonly Piece[], data: Numbers): [Piece, Numbers][] {
  let end = 0;
  return pieces.map((piece) => {
    const start = end;
    end += sizeOfPlan(piece.plan);
    return [piece, stretchOf(data, start, end)];
  });
}

/** A part of an array; of a typed one a view. */
export function stretchOf(data: Numbers, start: number, end: number): Numbers {
  if (data instanceof Float32Array || data instanceof Float64Array || data instanceof RawFloats)
    return data.subarray(start, end);
  return Float64Array.from({ length: end - start }, (_, i) => data[start + i]);
}

function joined(
  pieces: readonly Piece[],
  data: ReadonlyMap<Piece, Float32Array>,
  shape: readonly number[],
): PackedArray {
  const out = new Float32Array(shape.reduce((a, b) => a * b, 1));
  let start = 0;
  for (const piece of pieces) {
    out.set(data.get(piece) as Float32Array, start);
    start += sizeOfPlan(piece.plan);
  }
  return { dtype: "float32", shape, data: out };
}

function expectShape(where: string, name: string, expected: readonly number[], got: readonly number[]): void {
  if (expected.length === got.length && expected.every((size, i) => size === got[i])) return;
  throw new ShapeError(
    `${where}: expected "${name}" to be ${formatShape(expected)}, got ${formatShape(got)}. Check the units and options of the cell against the network that was saved; explainLayout prints what every part of an array is.`,
    { name, shapes: [expected, got] },
  );
}
