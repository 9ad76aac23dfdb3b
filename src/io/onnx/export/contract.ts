/** How the ops that combine many elements into one are spelled in ONNX. */
import type { NodeOf } from "../../../graph/graph.ts";
import type { ReduceKind } from "../../../graph/ops.ts";
import { castTo } from "./elementwise.ts";
import type { Place, Rule } from "./place.ts";
import type { Attributes } from "./writer.ts";

const reductions: { readonly [K in ReduceKind]: string } = { sum: "ReduceSum", max: "ReduceMax", min: "ReduceMin" };

export const reduce: Rule<"reduce"> = (node, at) => [reduced(node, { keeps: false }, at)];

/** Since opset 13 (sum) and 18 (the others) axes are an input. `keeps`: the axes stay, with size 1. */
export function reduced(
  { ins: [x], params: { kind, axes } }: NodeOf<"reduce">,
  { keeps }: { readonly keeps: boolean },
  at: Pick<Place, "writer" | "name">,
): string {
  const { writer } = at;
  if (axes.length === 0) return at.name(x);
  const keepdims: Attributes = { keepdims: { kind: "int", value: keeps ? 1 : 0 } };
  if (kind === "sum" || writer.opset >= 18) {
    return writer.one(reductions[kind], [at.name(x), writer.int64s(axes)], keepdims);
  }
  return writer.one(reductions[kind], [at.name(x)], { axes: { kind: "ints", value: axes }, ...keepdims });
}

export const argmax: Rule<"argmax"> = ({ ins: [x], params: { axis } }, at) => {
  const attributes: Attributes = { axis: { kind: "int", value: axis }, keepdims: { kind: "int", value: 0 } };
  return [castTo("int32", at.writer.one("ArgMax", [at.name(x)], attributes), at)];
};

/** MatMul, or Gemm where a matrix is to be transposed. */
export const matmul: Rule<"matmul"> = ({ ins: [a, b], params: { transposeA, transposeB } }, at) => {
  const { writer } = at;
  const names = [at.name(a), at.name(b)];
  if (!transposeA && !transposeB) return [writer.one("MatMul", names)];
  const rank = a.shape.length;
  if (rank === 2) {
    const flags = { ...(transposeA ? { transA: one } : {}), ...(transposeB ? { transB: one } : {}) };
    return [writer.one("Gemm", names, flags)];
  }
  const perm = Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));
  const turned = (name: string): string => writer.one("Transpose", [name], { perm: { kind: "ints", value: perm } });
  return [writer.one("MatMul", [transposeA ? turned(names[0]) : names[0], transposeB ? turned(names[1]) : names[1]])];
};

const one = { kind: "int", value: 1 } as const;
