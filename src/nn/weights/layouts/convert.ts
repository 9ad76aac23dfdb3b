/**
 * Weights of other programs: from their packed arrays to the weights of a cell or model, and back. Pure functions of plain
 * arrays; the orders are in `formats.ts`. A round trip from here gives the same weights again.
 */
import { OptionError, ShapeError } from "../../../base/errors.ts";
import { equalShapes, formatShape, product } from "../../../base/shapes.ts";
import { leavesByPath, mapTree, type Tree } from "../../../base/trees.ts";
import { filled, Tensor } from "../../../trace/index.ts";
import type { Cell } from "../../cells/cell.ts";
import type { ParamSpec } from "../../layer.ts";
import type { Model } from "../../model/model.ts";
import { checkOptionNames, show } from "../../options.ts";
import { type Block, blocksOf } from "../gates.ts";
import { type LayoutName, weightLayouts } from "./formats.ts";
import { type Change, type Grid, isZero, moveGrid, type Numbers } from "./grid.ts";
import {
  bufferOf,
  type GivenArray,
  type GivenArrays,
  matchNames,
  type PackedArray,
  type Piece,
  type PlainArrays,
  readPieces,
  withPrefix,
  writePieces,
} from "./pieces.ts";
import { type ArrayPlan, gridOf, ownsRecurrentBias, planArrays, sizeOfPlan } from "./plan.ts";
import { isModel, type Packing, packingOf, type Run, specsOfRun } from "./runs.ts";

export interface LayoutOptions {
  /** Of a model the layers that are meant, bottom first; all recurrent ones if not given. */
  readonly layers?: readonly string[];
  /** What the arrays' names begin with: `rnn/basic_lstm_cell/`, `encoder.`. Other arrays are not looked at. */
  readonly prefix?: string;
  /** For `tensorflow1`, whose LSTM adds it to the forget gate when it runs: the cell's forget_bias; 1 if not given. */
  readonly forgetBias?: number;
}

export interface ExportOptions extends LayoutOptions {
  /** The weights of a cell, as `importWeights` gives them; a model has its own. */
  readonly params?: Tree<Tensor>;
}

/** A block where it lies in an array, and what makes a weight of its numbers. */
type Found = Grid<Numbers> & Change;

/** The blocks of one run's weights: `kernel input`, `bias` where there are no gates. Nothing is copied yet. */
type Blocks = Map<string, Found>;

/**
 * The weights that another program's arrays are, for `model.setWeights` by path, or as the tree of a cell's weights. All
 * arrays (that begin with `prefix`) must find their place. Raises UnsupportedError for a cell that the other program
 * can not compute, OptionError and ShapeError for arrays that are missing, unknown or of another shape.
 */
export function importWeights(
  format: LayoutName,
  target: Model,
  arrays: PlainArrays,
  options?: LayoutOptions,
): Record<string, Tensor>;
export function importWeights(
  format: LayoutName,
  target: Cell,
  arrays: PlainArrays,
  options?: LayoutOptions,
): Tree<Tensor>;
export function importWeights(
  format: LayoutName,
  target: Model | Cell,
  arrays: PlainArrays,
  options: LayoutOptions = {},
): Tree<Tensor> {
  const { specs, makers } = findWeights(format, target, arrays, options);
  // Made at once: the arrays are the caller's, and may change.
  const made = (make: () => Tensor): Tensor => {
    const weight = make();
    weight.data();
    return weight;
  };
  if (isModel(target)) return Object.fromEntries([...makers].map(([path, make]) => [path, made(make)]));
  return mapTree<ParamSpec, Tensor>(specs, (_, path) => made(makers.get(path) as () => Tensor));
}

/**
 * The same weight by weight, by path: each is made, of arrays that stay as they are, whenever its function is called.
 * For files so large that the arrays and all weights should not be in memory together.
 */
export function weightsToImport(
  format: LayoutName,
  target: Model | Cell,
  arrays: GivenArrays,
  options: LayoutOptions = {},
): ReadonlyMap<string, () => Tensor> {
  return findWeights(format, target, arrays, options).makers;
}

function findWeights(format: LayoutName, target: Model | Cell, arrays: GivenArrays, options: LayoutOptions) {
  const packing = packingOf("importWeights", format, target, options.layers);
  const forgetBias = readOptions(packing, options, ["layers", "prefix", "forgetBias"]);
  const given = withPrefix(packing.where, arrays, options.prefix ?? "");
  const specs = packing.specs(packing.takesAnyInput ? inputSizeFrom(packing, given) : 1);
  const pieces = piecesOf(packing, specs);
  const data = readPieces(packing, pieces, given);
  const makers = packing.runs.flatMap((run) => {
    const blocks: Blocks = new Map();
    for (const piece of pieces.filter((one) => one.run === run)) {
      const numbers = data.get(piece);
      if (numbers !== undefined) takeBlocks(piece.plan, numbers, forgetBias, blocks);
    }
    return weightsOf(packing.where, run, specsOfRun(specs, run), blocks);
  });
  return { specs, makers: new Map(makers) };
}

/**
 * The arrays in which another program keeps these weights, by its names; zeros where it wants an array that the cell has
 * not. Raises UnsupportedError for a cell that the other program can not compute.
 */
export function exportWeights(
  format: LayoutName,
  target: Model | Cell,
  options: ExportOptions = {},
): Record<string, PackedArray> {
  const packing = packingOf("exportWeights", format, target, options.layers);
  const forgetBias = readOptions(packing, options, ["layers", "prefix", "forgetBias", "params"]);
  const weights = weightsToExport(packing.where, target, options.params);
  const specs = packing.specs(inputSizeOf(packing, weights));
  checkWeights(packing, specs, weights);
  const pieces = new Map<Piece, Float32Array>();
  for (const run of packing.runs) {
    const own = specsOfRun(specs, run);
    const blocks = blocksOfWeights(run, own, weights);
    for (const plan of planArrays(packing.where, run.layout, own))
      pieces.set({ run, plan }, putBlocks(plan, blocks, forgetBias));
  }
  const arrays = Object.entries(writePieces(packing, pieces));
  return Object.fromEntries(arrays.map(([name, array]) => [`${options.prefix ?? ""}${name}`, array]));
}

function readOptions({ where, format }: Packing, options: ExportOptions, names: readonly string[]): number {
  const adds = format === "tensorflow1";
  checkOptionNames(where, options, adds ? names : names.filter((name) => name !== "forgetBias"));
  const { forgetBias = adds ? 1 : 0 } = options;
  if (Number.isFinite(forgetBias)) return forgetBias;
  throw new OptionError(
    `${where}: expected the option "forgetBias" to be a finite number, got ${show(forgetBias)}. Give the forget_bias of the cell, 1 by default.`,
  );
}

function piecesOf({ where, runs }: Packing, specs: Tree<ParamSpec>): Piece[] {
  return runs.flatMap((run) => planArrays(where, run.layout, specsOfRun(specs, run)).map((plan) => ({ run, plan })));
}

/** The size of a cell's input, from the first array that grows with it (or the buffer). */
function inputSizeFrom(packing: Packing, given: ReadonlyMap<string, GivenArray>): number {
  const { where } = packing;
  const [one, two] = [1, 2].map((size) => piecesOf(packing, packing.specs(size)));
  const isBuffer = weightLayouts[packing.format].packing === "buffer";
  const total = (pieces: readonly Piece[]): number[] => [pieces.reduce((sum, { plan }) => sum + sizeOfPlan(plan), 0)];
  const at = one.findIndex(({ plan }, i) => !equalShapes(plan.shape, two[i].plan.shape));
  const [small, large] = isBuffer ? [total(one), total(two)] : [one[at].plan.shape, two[at].plan.shape];
  const array = isBuffer ? bufferOf(where, given) : (matchNames(packing, one, given).get(one[at]) as GivenArray);
  const size = 1 + (array.data.length - product(small)) / (product(large) - product(small));
  if (Number.isInteger(size) && size > 0) return size;
  const name = isBuffer ? "params" : one[at].plan.layout.name;
  const expected = small.map((least, axis) => grownSize(least, large[axis] - least)).join(", ");
  throw new ShapeError(
    `${where}: expected "${name}" to be [${expected}], got ${formatShape(array.shape)}. Check the units and options of the cell against the network that was saved.`,
    { name, shape: array.shape },
  );
}

/** `inputs + 64`, for a size that is 65 with one input and grows by one with each. */
function grownSize(least: number, step: number): string {
  const times = step === 0 ? "" : step === 1 ? "inputs" : `${step} inputs`;
  const rest = least - step === 0 ? "" : String(least - step);
  return [times, rest].filter((part) => part !== "").join(" + ");
}

/** Finds the blocks of an array. */
function takeBlocks(plan: ArrayPlan, data: Numbers, forgetBias: number, blocks: Blocks): void {
  for (const { key, sign, added, grid } of partsOf(plan, forgetBias)) {
    if (sign !== 0) blocks.set(key, { ...grid, data, sign, added });
  }
}

/** The array of a plan: zeros where there is no such block. */
function putBlocks(plan: ArrayPlan, blocks: Blocks, forgetBias: number): Float32Array {
  const data = new Float32Array(sizeOfPlan(plan));
  for (const { key, sign, added, grid } of partsOf(plan, forgetBias)) {
    const block = blocks.get(key) ?? { ...grid, data };
    moveGrid(block, { ...grid, data }, { sign, added: -added });
  }
  return data;
}

/** One block within an array. */
interface Part {
  readonly key: string;
  readonly sign: 1 | -1 | 0;
  /** What the cell has more than the array. */
  readonly added: number;
  readonly grid: Omit<Grid<never>, "data">;
}

function partsOf(plan: ArrayPlan, forgetBias: number): Part[] {
  return plan.rows.flatMap((row) =>
    plan.columns.map((column) => ({
      key: keyOf(row.name, column.name),
      sign: column.sign,
      added: plan.layout.withoutForgetBias === true && column.name === "forget" ? forgetBias : 0,
      grid: gridOf(plan, row, column),
    })),
  );
}

function keyOf(source: string, gate: string | undefined): string {
  return gate === undefined ? source : `${source} ${gate}`;
}

/** A run's weights from their blocks. Two biases of the other program are one sum where the cell has one. */
function weightsOf(
  where: string,
  run: Run,
  specs: ReadonlyMap<string, ParamSpec>,
  blocks: Blocks,
): (readonly [path: string, make: () => Tensor])[] {
  checkUnusedBias(where, specs, blocks);
  const sums = !ownsRecurrentBias(specs);
  const fill = (name: string, spec: ParamSpec, data: Float32Array): void => {
    for (const block of blocksOf(spec, name)) {
      const own = blocks.get(keyOf(block.name, block.gate)) as Found;
      const second = block.name === "bias" && sums ? blocks.get(keyOf("recurrentBias", block.gate)) : undefined;
      moveGrid(own, gridIn(block, data), own);
      if (second !== undefined) moveGrid(second, gridIn(block, data), second, true);
    }
  };
  const make = (name: string, spec: ParamSpec): Tensor =>
    filled({ dtype: "float32", shape: spec.shape }, (data) => fill(name, spec, data as Float32Array));
  return [...specs].map(([name, spec]) => [pathIn(run, name), () => make(name, spec)]);
}

/** A bias for a cell that has none must be zero. */
function checkUnusedBias(where: string, specs: ReadonlyMap<string, ParamSpec>, blocks: Blocks): void {
  if (specs.has("bias")) return;
  const wrong = [...blocks].find(([key, block]) => key.startsWith("bias") && !isZero(block, block));
  if (wrong === undefined) return;
  throw new OptionError(
    `${where}: expected a bias of zeros (the forget bias that is added counted in), since the cell has useBias: false, got other numbers. Give the cell useBias: true.`,
    { block: wrong[0] },
  );
}

function blocksOfWeights(
  run: Run,
  specs: ReadonlyMap<string, ParamSpec>,
  weights: ReadonlyMap<string, Tensor>,
): Blocks {
  const blocks: Blocks = new Map();
  for (const [name, spec] of specs) {
    const data = (weights.get(pathIn(run, name)) as Tensor).data();
    for (const block of blocksOf(spec, name))
      blocks.set(keyOf(block.name, block.gate), { ...gridIn(block, data), sign: 1, added: 0 });
  }
  return blocks;
}

/** A block of a weight, where it lies in the weight's numbers. */
function gridIn<Data>({ start, runs, width, stride }: Block, data: Data): Grid<Data> {
  return { data, start, rows: runs, columns: width, rowStep: stride, columnStep: 1 };
}

function pathIn({ path }: Run, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

function weightsToExport(where: string, target: Model | Cell, params: Tree<Tensor> | undefined): Map<string, Tensor> {
  if (isModel(target) && params === undefined) return new Map(Object.entries(target.weights()));
  if (!isModel(target) && params !== undefined) return leavesByPath<Tensor>(params);
  throw new OptionError(
    isModel(target)
      ? `${where}: expected no option "params" with a model, got it. Leave it out: a model has its own weights.`
      : `${where}: expected the option "params" with a cell, got none. Give the cell's weights: { params: { kernel, recurrentKernel, bias } }.`,
  );
}

function inputSizeOf({ runs: [first] }: Packing, weights: ReadonlyMap<string, Tensor>): number {
  const size = weights.get(pathIn(first, "kernel"))?.shape[0];
  return typeof size === "number" ? size : 1;
}

function checkWeights({ where, runs }: Packing, specs: Tree<ParamSpec>, weights: ReadonlyMap<string, Tensor>): void {
  for (const run of runs) {
    for (const [name, { shape }] of specsOfRun(specs, run)) {
      const path = pathIn(run, name);
      const given = weights.get(path);
      if (given instanceof Tensor && equalShapes(given.shape, shape)) continue;
      throw new ShapeError(
        `${where}: expected the weight "${path}" to be float32 ${formatShape(shape)}, got ${given instanceof Tensor ? formatShape(given.shape) : "none"}. Give all weights of the cell.`,
        { path },
      );
    }
  }
}
