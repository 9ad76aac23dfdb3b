/**
 * The plan of a run's arrays in a format: for each its shape and where in it every block of the cell's weights lies.
 * What `convert.ts` moves and `explain.ts` prints.
 */
import { UnsupportedError } from "../../../base/errors.ts";
import { product } from "../../../base/shapes.ts";
import type { ParamSpec } from "../../layer.ts";
import type { ArrayLayout, CellLayout, PackedSource } from "./layout.ts";

/** A stretch of rows or columns. */
export interface Stretch<Name> {
  readonly name: Name;
  readonly start: number;
  readonly size: number;
}

/** A gate's block, or the only one; its numbers are the cell's times the sign, 0 for one that nobody reads. */
export interface Column extends Stretch<string | undefined> {
  readonly sign: 1 | -1 | 0;
}

export interface ArrayPlan {
  readonly layout: ArrayLayout;
  /** Of the matrix before it is transposed or flattened. */
  readonly rows: readonly Stretch<PackedSource>[];
  readonly columns: readonly Column[];
  /** As the format keeps it. */
  readonly shape: readonly number[];
  /** Whether it holds a weight of the cell, not only zeros that the format wants. */
  readonly holdsWeights: boolean;
}

const vectors: readonly PackedSource[] = ["bias", "recurrentBias", "peephole"];

/** The arrays that a cell with these weights has in a format. Raises UnsupportedError for a weight without a place. */
export function planArrays(where: string, layout: CellLayout, specs: ReadonlyMap<string, ParamSpec>): ArrayPlan[] {
  const plans = layout.arrays.flatMap((array) => planArray(array, specs, layout.coupled?.blocks) ?? []);
  const placed = new Set<string>(plans.flatMap(({ layout }) => layout.rows));
  const homeless = [...specs.keys()].find((name) => !placed.has(name));
  if (homeless === undefined) return plans;
  throw new UnsupportedError(
    `${where}: expected weights that the format has a place for (${[...placed].join(", ")}), got "${homeless}". Use a cell without it, or weights() and setWeights() to move weights by name.`,
    { weight: homeless },
  );
}

type CoupledBlocks = NonNullable<CellLayout["coupled"]>["blocks"];

function planArray(
  layout: ArrayLayout,
  specs: ReadonlyMap<string, ParamSpec>,
  coupled: CoupledBlocks | undefined,
): ArrayPlan | undefined {
  const has = (source: PackedSource): boolean => specs.has(source === "recurrentBias" ? "bias" : source);
  const isOwn = (source: PackedSource): boolean =>
    source === "recurrentBias" ? ownsRecurrentBias(specs) : specs.has(source);
  const holdsWeights = layout.rows.some(has);
  if (!holdsWeights && layout.always !== true) return undefined;
  const sources = layout.ownRows === true ? layout.rows.filter(isOwn) : layout.rows;
  const kernel = specs.get("kernel") as ParamSpec;
  const isOwnGate = (gate: string): boolean => kernel.gates?.includes(gate) ?? false;
  const isCoupled = coupled !== undefined && !isOwnGate("input");
  const gates = isCoupled ? layout.gates : layout.gates?.filter(isOwnGate);
  if (gates?.length === 0) return undefined;
  const width = widthOf(layout.rows[0], specs);
  const rows = stretches(sources, (source) => (vectors.includes(source) ? 1 : (specs.get(source)?.shape[0] as number)));
  const columns = stretches(gates ?? [undefined], () => width).map((column) => {
    const held = isCoupled && column.name !== undefined ? coupled[column.name] : undefined;
    return { ...column, sign: held?.sign ?? 1, name: held === undefined ? column.name : held.gate };
  });
  const [height, breadth] = [totalOf(rows), totalOf(columns)];
  const isFlat = sources.every((source) => vectors.includes(source));
  const matrix = layout.transposed === true ? [breadth, height] : [height, breadth];
  const shape = isFlat && !(layout.ownRows === true && height > 1) ? [height * breadth] : matrix;
  return { layout, rows, columns, shape, holdsWeights };
}

/** Whether the two biases of a cell are two, and not one sum. */
export function ownsRecurrentBias(specs: ReadonlyMap<string, ParamSpec>): boolean {
  return specs.get("bias")?.rows?.includes("recurrentBias") ?? false;
}

/** The width of one block: that of a gate, or of what a projection makes of it. */
function widthOf(source: PackedSource, specs: ReadonlyMap<string, ParamSpec>): number {
  const { shape, gates } = specs.get(source === "projectionKernel" ? source : "kernel") as ParamSpec;
  return (shape.at(-1) as number) / (gates?.length ?? 1);
}

function stretches<Name>(names: readonly Name[], sizeOf: (name: Name) => number): Stretch<Name>[] {
  let start = 0;
  return names.map((name) => {
    const size = sizeOf(name);
    start += size;
    return { name, start: start - size, size };
  });
}

function totalOf(parts: readonly Stretch<unknown>[]): number {
  return parts.reduce((sum, { size }) => sum + size, 0);
}

/** The number of elements. */
export function sizeOfPlan({ shape }: ArrayPlan): number {
  return product(shape);
}

/** Where a block of the matrix lies in the array. */
export function gridOf(
  { layout, shape, columns }: ArrayPlan,
  row: Stretch<unknown>,
  column: Stretch<unknown>,
): { start: number; rows: number; columns: number; rowStep: number; columnStep: number } {
  const [rowStep, columnStep] = layout.transposed === true ? [1, shape[1] ?? 1] : [totalOf(columns), 1];
  const start = row.start * rowStep + column.start * columnStep;
  return { start, rows: row.size, columns: column.size, rowStep, columnStep };
}
