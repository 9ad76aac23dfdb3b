/**
 * Which axis of the values of a scan's body is the *rows*, such as those of a batch: an axis along which no element
 * needs another, so that each row goes through all steps by itself. Decides only; dividing the work is for lowering.
 *
 *   linked    two axes of two values whose elements stand for each other one by one, or one by so many: a *block*
 *   mixed     an axis along which an op sums, moves or picks elements: it is not the rows
 */
import { type Dim, divideDims, equalDims, multiplyDims } from "../base/dims.ts";
import type { Shape } from "../base/shapes.ts";
import { bodyIns, bodyOuts, type Graph, type NodeOf, scanIns, scanOuts, type Value } from "../graph/graph.ts";
import { type BinaryOp, binaryOps, type OpName, type OpParams, type UnaryOp, unaryOps } from "../graph/ops.ts";

/** Where a value has its rows, and how many elements of that axis belong to one: those of a row lie side by side. */
export interface RowAxis {
  readonly axis: number;
  readonly block: Dim;
}

/**
 * The rows of every value of a body, and of the bodies in it, that has any; the others are the same for all rows.
 * Undefined where no axis is that in all of the carry, single numbers left aside. `params` are those of the scan.
 */
export function rowAxesOf(body: Graph, params: OpParams["scan"]): ReadonlyMap<Value, RowAxis> | undefined {
  const axes = new Axes();
  linkBody(axes, { ...params, body });
  const carry = bodyIns({ ...params, body }).carry.filter(({ shape }) => shape.length > 0);
  if (carry.length === 0) return undefined;
  for (const [axis, dim] of carry[0].shape.entries()) {
    // One element is no rows to divide.
    const rows = dim === 1 ? undefined : axes.rows(carry[0], axis);
    if (rows !== undefined && carry.every((one) => rows.has(one))) return rows;
  }
  return undefined;
}

/** The same where every row is one element of its axis; undefined too where that is not so. */
export function rowsOf(body: Graph, params: OpParams["scan"]): ReadonlyMap<Value, number> | undefined {
  const rows = rowAxesOf(body, params);
  if (rows === undefined || [...rows.values()].some(({ block }) => block !== 1)) return undefined;
  return new Map([...rows].map(([value, { axis }]) => [value, axis]));
}

/** A way from one axis to another: elements there are `times` those here, `by` of them. */
interface Link {
  readonly value: Value;
  readonly axis: number;
  readonly times: Dim;
  readonly by: Dim;
}

/** The axes of some values with the links between them, and which are mixed. */
class Axes {
  /** By axis of each value. */
  readonly #links = new Map<Value, Map<number, Link[]>>();
  readonly #mixed = new Map<Value, Set<number>>();

  /** `block` elements of the second axis stand for one of the first. */
  link(a: Value, i: number, b: Value, j: number, block: Dim = 1): void {
    this.#linksOf(a, i).push({ value: b, axis: j, times: block, by: 1 });
    this.#linksOf(b, j).push({ value: a, axis: i, times: 1, by: block });
  }

  mix(value: Value, axis: number): void {
    const mixed = this.#mixed.get(value);
    if (mixed === undefined) this.#mixed.set(value, new Set([axis]));
    else mixed.add(axis);
  }

  /** All that is linked with an axis; undefined where some of it is mixed, or a value is linked with two of its axes. */
  rows(value: Value, axis: number): Map<Value, RowAxis> | undefined {
    const found = new Map<Value, RowAxis>([[value, { axis, block: 1 }]]);
    const waiting = [value];
    for (let from = waiting.pop(); from !== undefined; from = waiting.pop()) {
      const { axis, block } = found.get(from) as RowAxis;
      if (this.#mixed.get(from)?.has(axis)) return undefined;
      for (const link of this.#linksOf(from, axis)) {
        const size = divideDims(multiplyDims(block, link.times), link.by);
        const known = found.get(link.value);
        if (size === undefined) return undefined;
        if (known === undefined) {
          found.set(link.value, { axis: link.axis, block: size });
          waiting.push(link.value);
        } else if (known.axis !== link.axis || !equalDims(known.block, size)) return undefined;
      }
    }
    return found;
  }

  #linksOf(value: Value, axis: number): Link[] {
    const all = this.#links.get(value) ?? new Map<number, Link[]>();
    this.#links.set(value, all);
    const links = all.get(axis) ?? [];
    all.set(axis, links);
    return links;
  }
}

type Rule<K extends OpName> = (axes: Axes, node: NodeOf<K>) => void;

function linkBody(axes: Axes, params: OpParams["scan"]): void {
  for (const node of params.body.nodes) (rowRules[node.op] as Rule<OpName>)(axes, node as never);
  const next = bodyOuts(params).carry;
  for (const [i, before] of bodyIns(params).carry.entries()) linkAll(axes, before, next[i]);
}

/** Axis for axis. */
function linkAll(axes: Axes, a: Value, b: Value): void {
  for (const i of a.shape.keys()) axes.link(a, i, b, i);
}

/** Axis for axis, but for some, which are mixed. */
function linkBut(axes: Axes, a: Value, b: Value, isMixed: (axis: number) => boolean): void {
  for (const i of a.shape.keys()) {
    if (!isMixed(i)) axes.link(a, i, b, i);
    else for (const x of [a, b]) axes.mix(x, i);
  }
}

const elementwise: Rule<UnaryOp | BinaryOp | "select" | "cast" | "stopGradient" | "named"> = (axes, { ins, outs }) => {
  for (const x of ins) linkAll(axes, x, outs[0]);
};
/** An element by itself, whatever its index. */
const alone = (): void => {};

function all<K extends OpName>(ops: readonly K[], rule: Rule<K>): { readonly [L in K]: Rule<L> } {
  return Object.fromEntries(ops.map((op) => [op, rule])) as unknown as { readonly [L in K]: Rule<L> };
}

/** Which axes of operands and results each op links and mixes. */
export const rowRules: { readonly [K in OpName]: Rule<K> } = {
  ...all(unaryOps, elementwise),
  ...all(binaryOps, elementwise),
  ...all(["select", "cast", "stopGradient", "named"], elementwise),
  constant: alone,
  dimSize: alone,
  iota: alone,
  // The number at an index does not depend on how many there are.
  random: alone,
  broadcast: (axes, { params, ins: [x], outs: [out] }) => {
    for (const [i, axis] of params.axes.entries()) {
      if (equalDims(x.shape[i], out.shape[axis])) axes.link(x, i, out, axis);
      else axes.mix(x, i);
    }
  },
  reshape: (axes, { ins: [x], outs: [out] }) => linkReshape(axes, x, out),
  transpose: (axes, { params, ins: [x], outs: [out] }) => {
    for (const [i, axis] of params.permutation.entries()) axes.link(x, axis, out, i);
  },
  slice: (axes, { params: { start, stop, step }, ins: [x], outs: [out] }) =>
    linkBut(axes, x, out, (i) => start[i] !== 0 || step[i] !== 1 || !equalDims(stop[i], x.shape[i])),
  pad: (axes, { params: { low, high }, ins: [x], outs: [out] }) =>
    linkBut(axes, x, out, (i) => low[i] !== 0 || high[i] !== 0),
  concat: (axes, { params, ins, outs: [out] }) => {
    for (const x of ins) linkBut(axes, x, out, (i) => i === params.axis);
  },
  reverse: (axes, { params, ins: [x], outs: [out] }) => linkBut(axes, x, out, (i) => params.axes.includes(i)),
  // (table [v, ...rest], indices [...i]) -> [...i, ...rest]
  gather: (axes, { ins: [table, indices], outs: [out] }) => {
    axes.mix(table, 0);
    for (const i of indices.shape.keys()) axes.link(indices, i, out, i);
    linkRest(axes, table, 1, out, indices.shape.length);
  },
  // (indices [...i], updates [...i, ...rest]) -> [rows, ...rest]
  scatterAdd: (axes, { ins: [indices, updates], outs: [out] }) => {
    axes.mix(out, 0);
    for (const i of indices.shape.keys()) for (const x of [indices, updates]) axes.mix(x, i);
    linkRest(axes, updates, indices.shape.length, out, 1);
  },
  reduce: (axes, { params, ins: [x], outs: [out] }) => linkKept(axes, x, out, params.axes),
  argmax: (axes, { params, ins: [x], outs: [out] }) => linkKept(axes, x, out, [params.axis]),
  matmul: (axes, { params: { transposeA, transposeB }, ins: [a, b], outs: [out] }) => {
    const rank = out.shape.length;
    for (let i = 0; i < rank - 2; i++) for (const x of [a, b]) axes.link(x, i, out, i);
    const [m, n] = [rank - 2, rank - 1];
    axes.link(a, transposeA ? n : m, out, m);
    axes.link(b, transposeB ? m : n, out, n);
    axes.mix(a, transposeA ? m : n);
    axes.mix(b, transposeB ? n : m);
  },
  scan: (axes, node) => linkScan(axes, node),
};

function linkRest(axes: Axes, a: Value, from: number, b: Value, to: number): void {
  for (let i = from; i < a.shape.length; i++) axes.link(a, i, b, i - from + to);
}

/** From an operand to a result without some of its axes. */
function linkKept(axes: Axes, x: Value, out: Value, dropped: readonly number[]): void {
  let next = 0;
  for (const i of x.shape.keys()) {
    if (dropped.includes(i)) axes.mix(x, i);
    else axes.link(x, i, out, next++);
  }
}

/**
 * Axes with equally many elements in front of them stand for each other, if they are of one size, or if one is the first
 * of those that the other joins: [b, t, n] -> [b * t, n], and back. Every other axis is cut or joined.
 */
function linkReshape(axes: Axes, x: Value, out: Value): void {
  const [before, after] = [sizesBefore(x.shape), sizesBefore(out.shape)];
  const kept = new Set<number>();
  for (const [i, dim] of x.shape.entries()) {
    const j = dim === 1 ? -1 : after.findIndex((size, j) => out.shape[j] !== 1 && equalDims(size, before[i]));
    const joined = j < 0 ? undefined : divideDims(out.shape[j], dim);
    const cut = j < 0 ? undefined : divideDims(dim, out.shape[j]);
    if (joined !== undefined) axes.link(x, i, out, j, joined);
    else if (cut !== undefined) axes.link(out, j, x, i, cut);
    else axes.mix(x, i);
    if (joined !== undefined || cut !== undefined) kept.add(j);
  }
  for (const j of out.shape.keys()) if (!kept.has(j)) axes.mix(out, j);
}

/** How many there are of each axis: the product of the sizes in front of it. */
function sizesBefore(shape: Shape): Dim[] {
  let product: Dim = 1;
  return shape.map((dim) => {
    const size = product;
    product = multiplyDims(product, dim);
    return size;
  });
}

/** A loop in a loop: its steps follow each other, its rows are those of its operands. */
function linkScan(axes: Axes, node: NodeOf<"scan">): void {
  const [outer, results] = [scanIns(node), scanOuts(node)];
  const [inner, last] = [bodyIns(node.params), bodyOuts(node.params)];
  linkBody(axes, node.params);
  for (const [i, x] of outer.consts.entries()) linkAll(axes, x, inner.consts[i]);
  for (const [i, x] of outer.init.entries()) {
    linkAll(axes, x, inner.carry[i]);
    linkAll(axes, results.carry[i], inner.carry[i]);
  }
  const stacked = (step: Value, stack: Value): void => {
    axes.mix(stack, 0);
    for (const i of step.shape.keys()) axes.link(step, i, stack, i + 1);
  };
  for (const [i, x] of outer.xs.entries()) stacked(inner.xs[i], x);
  for (const [i, y] of results.ys.entries()) stacked(last.ys[i], y);
}
