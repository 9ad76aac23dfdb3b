/** The statements of each op that takes loops of its own. */
import { internal } from "../../base/errors.ts";
import type { Node, Value } from "../../graph/graph.ts";
import { cast } from "../build.ts";
import type { Stmt } from "../ir.ts";
import { memoryScalar } from "./context.ts";
import type { Read } from "./elements.ts";
import { type EmitRules, type GraphLowering, nameOf } from "./graph.ts";
import { type Surroundings, siblingStatements, sumStatements } from "./matmul.ts";
import { argmaxNest, reduceNest } from "./reduce.ts";
import { emitScan, termsOf } from "./scan.ts";
import { scatterNest } from "./scatter.ts";
import type { SiblingsStep, SumStep } from "./steps.ts";
import { productsOf } from "./sums.ts";

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
    const terms = [{ product: node }];
    return [context.kernel(nameOf(node), sumStatements(surroundingsOf(lowering, node.outs[0]), terms))];
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
export function emitSum(lowering: GraphLowering, sum: SumStep): Stmt[] {
  const { context } = lowering;
  const terms = sum.terms.map((term) => ("addend" in term ? { read: lowering.values.reader(term.addend) } : term));
  const name = nameOf(productsOf(sum).at(-1) as Node);
  return [context.kernel(name, sumStatements(surroundingsOf(lowering, sum.out), terms))];
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
