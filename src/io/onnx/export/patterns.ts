/**
 * Groups of nodes that ONNX has one operator for: Softmax, Relu, Split, a product of more than two axes. For the
 * readers of a file, people and tools; without them it would compute the same.
 */
import { equalDims } from "../../../base/dims.ts";
import { equalShapes } from "../../../base/shapes.ts";
import type { Node, NodeOf, Value } from "../../../graph/graph.ts";
import type { OpName } from "../../../graph/ops.ts";
import { reduced } from "./contract.ts";
import { isStaticReshape, reshaped } from "./move.ts";
import type { Place } from "./place.ts";

/** What is spelled in another way: the results of a node, and nodes that are then mostly not needed. */
export interface Patterns {
  readonly instead: ReadonlyMap<Node, (at: Place) => string>;
  readonly inner: ReadonlySet<Node>;
}

/** What a pattern that begins at a node has found. */
interface Found {
  readonly spell: (at: Place) => string;
  readonly inner: readonly Node[];
}

type Producer = (value: Value) => Node | undefined;

/** The patterns among some nodes. */
export function patternsIn(nodes: readonly Node[], producer: Producer): Patterns {
  const instead = new Map<Node, (at: Place) => string>(splits(nodes));
  const inner = new Set<Node>();
  for (const node of nodes) {
    const found = find(node, producer);
    if (found === undefined) continue;
    instead.set(node, found.spell);
    for (const one of found.inner) inner.add(one);
  }
  return { instead, inner };
}

function find(node: Node, producer: Producer): Found | undefined {
  switch (node.op) {
    case "div":
      return softmax(node, producer);
    case "select":
      return relu(node, producer);
    case "reshape":
      return product(node, producer) ?? kept(node, producer);
    default:
      return undefined;
  }
}

/** The node of an op that makes a value, or undefined. */
function made<K extends OpName>(op: K, value: Value, producer: Producer): NodeOf<K> | undefined {
  const node = producer(value);
  return node?.op === op ? (node as NodeOf<K>) : undefined;
}

/** e / sum(e), e = exp(x - max(x)), over one axis. */
function softmax({ ins: [top, below] }: NodeOf<"div">, producer: Producer): Found | undefined {
  const exp = made("exp", top, producer);
  const sub = exp && made("sub", exp.ins[0], producer);
  const max = sub && reducedAlong(sub.ins[1], producer);
  const sum = reducedAlong(below, producer);
  if (exp === undefined || sub === undefined || max === undefined || sum === undefined) return undefined;
  const [x] = sub.ins;
  const [axis] = sum.params.axes;
  const isSoftmax =
    sum.params.kind === "sum" &&
    sum.ins[0] === top &&
    max.params.kind === "max" &&
    max.ins[0] === x &&
    max.params.axes[0] === axis;
  if (!isSoftmax) return undefined;
  return {
    spell: (at) => at.writer.one("Softmax", [at.name(x)], { axis: { kind: "int", value: axis } }),
    inner: [exp, sub, max, sum],
  };
}

/** The reduction over one axis that was broadcast back along it. */
function reducedAlong(value: Value, producer: Producer): NodeOf<"reduce"> | undefined {
  const wide = made("broadcast", value, producer);
  const node = wide && made("reduce", wide.ins[0], producer);
  if (wide === undefined || node === undefined || node.params.axes.length !== 1) return undefined;
  const [axis] = node.params.axes;
  const others = value.shape.flatMap((_, i) => (i === axis ? [] : [i]));
  const isBack = equalShapes(node.ins[0].shape, value.shape) && others.join() === wide.params.axes.join();
  return isBack ? node : undefined;
}

/** x <= 0 ? 0 : x. */
function relu({ ins: [condition, a, b] }: NodeOf<"select">, producer: Producer): Found | undefined {
  const order = made("lessEqual", condition, producer) ?? made("less", condition, producer);
  if (order === undefined || order.ins[0] !== b || b.dtype !== "float32") return undefined;
  if (!isZero(order.ins[1], producer) || !isZero(a, producer)) return undefined;
  return { spell: (at) => at.writer.one("Relu", [at.name(b)]), inner: [order] };
}

function isZero(value: Value, producer: Producer): boolean {
  const node = producer(value);
  if (node?.op === "broadcast") return isZero(node.ins[0], producer);
  return node?.op === "constant" && node.params.data.every((x) => x === 0);
}

/** A product with a matrix, for which all leading axes were made one: MatMul takes them as they are. */
function product({ ins: [flat], outs: [out] }: NodeOf<"reshape">, producer: Producer): Found | undefined {
  const matmul = made("matmul", flat, producer);
  if (matmul === undefined || matmul.params.transposeA || matmul.params.transposeB) return undefined;
  const [rows, matrix] = matmul.ins;
  const flattened = made("reshape", rows, producer);
  const x = flattened?.ins[0] ?? rows;
  const [width, units] = matrix.shape;
  const lead = out.shape.slice(0, -1);
  if (matrix.shape.length !== 2 || !equalDims(out.shape.at(-1) ?? 1, units)) return undefined;
  if (!isStaticReshape(x.shape, [...lead, width])) return undefined;
  return {
    spell: (at) => {
      const left = reshaped({ name: at.name(x), shape: x.shape }, [...lead, width], at);
      return at.writer.one("MatMul", [left, at.name(matrix)]);
    },
    inner: [matmul, ...(flattened === undefined ? [] : [flattened])],
  };
}

/** A reduction whose axes are put back with size 1. */
function kept({ ins: [x], outs: [out] }: NodeOf<"reshape">, producer: Producer): Found | undefined {
  const node = made("reduce", x, producer);
  const shape = node?.ins[0].shape.map((dim, axis) => (node.params.axes.includes(axis) ? 1 : dim));
  if (node === undefined || shape === undefined || !equalShapes(shape, out.shape)) return undefined;
  return { spell: (at) => reduced(node, { keeps: true }, at), inner: [node] };
}

/** One part of a value along an axis. */
interface Part {
  readonly node: NodeOf<"slice">;
  readonly axis: number;
  readonly start: number;
  readonly stop: number;
}

/** Slices that are all of a value, one beside the other. */
function splits(nodes: readonly Node[]): [Node, (at: Place) => string][] {
  const groups = new Map<Value, Part[]>();
  for (const node of nodes) {
    const part = node.op === "slice" ? partOf(node) : undefined;
    if (part !== undefined) groups.set(part.node.ins[0], [...(groups.get(part.node.ins[0]) ?? []), part]);
  }
  return [...groups].flatMap(([x, parts]) => splitOf(x, parts));
}

function partOf(node: NodeOf<"slice">): Part | undefined {
  const { start, stop, step } = node.params;
  const cut = node.ins[0].shape.flatMap((dim, axis) => (start[axis] === 0 && equalDims(stop[axis], dim) ? [] : [axis]));
  const [axis] = cut;
  const [from, to] = [start[axis], stop[axis]];
  const isPlain =
    cut.length === 1 && step.every((one) => one === 1) && typeof from === "number" && typeof to === "number";
  return isPlain ? { node, axis, start: from, stop: to } : undefined;
}

function splitOf(x: Value, parts: readonly Part[]): [Node, (at: Place) => string][] {
  const [{ axis }] = parts;
  const sorted = [...parts].sort((a, b) => a.start - b.start);
  const isWhole =
    sorted.length > 1 &&
    sorted.every((part, i) => part.axis === axis && part.start === (sorted[i - 1]?.stop ?? 0)) &&
    sorted.at(-1)?.stop === x.shape[axis];
  if (!isWhole) return [];
  let names: readonly string[] | undefined;
  const spell = ({ writer }: Place, name: string): readonly string[] => {
    const sizes = writer.int64s(sorted.map(({ start, stop }) => stop - start));
    return writer.node("Split", [name, sizes], {
      attributes: { axis: { kind: "int", value: axis } },
      outputs: sorted.map(() => undefined),
    });
  };
  return sorted.map(({ node }, i) => [
    node,
    (at) => {
      names ??= spell(at, at.name(x));
      return names[i];
    },
  ]);
}
