/**
 * How long a step of a schedule takes one thread, roughly: enough to tell what is worth dividing. Free sizes count as
 * 32. Numbers for a core with vectors of four; no decision here depends on more than their order of magnitude.
 */
import { type Dim, evaluateDim, symbolsOf } from "../../base/dims.ts";
import { type Shape, sizeOf } from "../../base/shapes.ts";
import { bodyOuts, type Graph, type Node, type ScanNode } from "../../graph/graph.ts";
import type { Step } from "./steps.ts";
import { productsOf } from "./sums.ts";

const elementTime = 1.5;
const multiplyTime = 0.04;

/** In nanoseconds. */
export function workOfStep(step: Step): number {
  switch (step.kind) {
    case "group":
      return elements(step.shape) * step.members.length * elementTime;
    case "fill":
      return step.parts.reduce((sum, { shape }) => sum + elements(shape), 0) * elementTime;
    case "sum":
      return productsOf(step).reduce((sum, node) => sum + workOfNode(node), 0);
    case "siblings":
      return step.products.reduce((sum, node) => sum + workOfNode(node), 0);
    case "check":
      return 0;
    case "node":
      return workOfNode(step.node);
    default:
      return step satisfies never;
  }
}

/** What all nodes of a graph take, were each computed by itself. */
export function workOfGraph(graph: Graph): number {
  return graph.nodes.reduce((sum, node) => sum + workOfNode(node), 0);
}

/** All steps of a scan. */
export function workOfScan({ params }: ScanNode): number {
  const ys = bodyOuts(params).ys.reduce((sum, y) => sum + elements(y.shape), 0);
  return known(params.length) * (workOfGraph(params.body) + ys * elementTime);
}

function workOfNode(node: Node): number {
  if (node.op === "matmul") {
    const [a] = node.ins;
    const k = a.shape[a.shape.length - (node.params.transposeA ? 2 : 1)];
    return elements(node.outs[0].shape) * known(k) * multiplyTime;
  }
  if (node.op === "scan") return workOfScan(node);
  const all = [...node.ins, ...node.outs].map(({ shape }) => elements(shape));
  return Math.max(0, ...all) * elementTime;
}

function elements(shape: Shape): number {
  return known(sizeOf(shape));
}

function known(dim: Dim): number {
  if (typeof dim === "number") return dim;
  return evaluateDim(dim, Object.fromEntries(symbolsOf(dim).map((name) => [name, 32])));
}
