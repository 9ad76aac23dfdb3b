/** The statements of each op that takes loops of its own. */
import { internal } from "../../base/errors.ts";
import type { Value } from "../../graph/graph.ts";
import { add, cast } from "../build.ts";
import type { Stmt } from "../ir.ts";
import { memoryScalar } from "./context.ts";
import type { Index, Read } from "./elements.ts";
import { type EmitRules, type GraphLowering, nameOf } from "./graph.ts";
import { matmulStatements, type Surroundings, siblingStatements } from "./matmul.ts";
import { argmaxNest, reduceNest } from "./reduce.ts";
import { emitScan, termsOf } from "./scan.ts";
import { scatterNest } from "./scatter.ts";
import type { SiblingsStep, SumStep } from "./steps.ts";

export const emitRules: EmitRules = {
  sum: emitSum,
  siblings: emitSiblings,
  reduce: (lowering, node) => {
    const { kind, axes } = node.params;
    const out = lowering.values.target(node.outs[0]);
    const reduction = {
      kind,
      axes,
      shape: node.ins[0].shape,
      read: memoryReader(lowering, node.ins[0]),
      out,
      part: lowering.context.part(node.ins[0]),
    };
    return [lowering.context.kernel(nameOf(node), reduceNest(lowering.context, reduction))];
  },
  argmax: (lowering, node) => {
    const out = lowering.values.target(node.outs[0]);
    const read = memoryReader(lowering, node.ins[0]);
    return [
      lowering.context.kernel(nameOf(node), argmaxNest(lowering.context, node.ins[0], node.params.axis, read, out)),
    ];
  },
  matmul: (lowering, node) => {
    const { context } = lowering;
    return [context.kernel(nameOf(node), matmulStatements(surroundingsOf(lowering, node.outs[0]), [node]))];
  },
  scatterAdd: (lowering, node) => {
    const [indices, updates] = node.ins;
    const out = lowering.values.target(node.outs[0]);
    const { context } = lowering;
    const reads = { index: lowering.values.reader(indices), update: memoryReader(lowering, updates) };
    const write = (): Stmt[] => scatterNest(context, indices.shape, updates, node.outs[0], reads, out);
    // Without a row of elements there is nothing to divide.
    const statements = updates.shape.length === indices.shape.length ? context.sharingAs(undefined, write) : write();
    return [context.kernel(nameOf(node), statements)];
  },
  scan: emitScan,
};

/** The statements of a sum of products. */
export function emitSum(lowering: GraphLowering, { out, products, addends }: SumStep): Stmt[] {
  const { context } = lowering;
  const reads = addends.map((x) => lowering.values.reader(x));
  const start = reads.length === 0 ? undefined : (index: Index) => reads.map((read) => read(index)).reduce(add);
  const name = nameOf(products[products.length - 1]);
  return [context.kernel(name, matmulStatements(surroundingsOf(lowering, out), products, start))];
}

/** The statements of products with one B. */
export function emitSiblings(lowering: GraphLowering, { products }: SiblingsStep): Stmt[] {
  const { context } = lowering;
  const each = products.map((node) => ({ node, given: surroundingsOf(lowering, node.outs[0]) }));
  return [context.kernel(nameOf(products[0]), siblingStatements(each))];
}

function surroundingsOf(lowering: GraphLowering, out: Value): Surroundings {
  return {
    context: lowering.context,
    view: (value) => lowering.values.view(value),
    target: lowering.values.target(out),
    terms: (product) => termsOf(lowering, product),
    preheader: (value) => lowering.preheaderOf(value),
    round: (value) => lowering.roundOf(value),
  };
}

/** Reads elements as memory holds them. */
function memoryReader(lowering: GraphLowering, value: Value): Read {
  if (value === undefined) internal("an operand is missing");
  const read = lowering.values.reader(value);
  return (index) => cast(read(index), memoryScalar(value.dtype));
}
