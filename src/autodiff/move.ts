/** Gradient rules of the ops that place elements: each is undone by another of them. */
import { addDims, equalDims, multiplyDims, subtractDims } from "../base/dims.ts";
import type { Builder } from "../graph/build.ts";
import type { NodeOf, Value } from "../graph/graph.ts";
import { perOperand, type VjpRule } from "./rule.ts";

/** Repeating is undone by summing what was repeated. */
export const broadcastRule: VjpRule<"broadcast"> = perOperand((b, { params, ins: [x] }, ct) => {
  const repeated = ct.shape.map((dim, axis) => {
    const from = params.axes.indexOf(axis);
    return from < 0 || !equalDims(x.shape[from], dim);
  });
  const axes = ct.shape.flatMap((_, axis) => (repeated[axis] ? [axis] : []));
  return b.reshape(b.sum(ct, axes), x.shape);
});

export const reshapeRule: VjpRule<"reshape"> = perOperand((b, { ins: [x] }, ct) => b.reshape(ct, x.shape));

export const transposeRule: VjpRule<"transpose"> = perOperand((b, { params }, ct) =>
  b.transpose(
    ct,
    params.permutation.map((_, axis) => params.permutation.indexOf(axis)),
  ),
);

export const sliceRule: VjpRule<"slice"> = perOperand((b, { params, ins: [x] }, ct) => {
  const spread = params.step.reduce((value, step, axis) => spreadAxis(b, value, axis, step), ct);
  // A spread axis ends with up to step - 1 zeros too many: the pad leaves them at the end, and the last slice drops them.
  const padded = pad(
    b,
    spread,
    params.start,
    x.shape.map((dim, i) => subtractDims(dim, params.stop[i])),
  );
  return x.shape.reduce<Value>((value, dim, axis) => b.sliceAxis(value, axis, 0, dim), padded);
});

/** Puts step - 1 zeros behind each element of one axis. */
function spreadAxis(b: Builder, x: Value, axis: number, step: number): Value {
  if (step === 1) return x;
  const before = x.shape.slice(0, axis + 1);
  const after = x.shape.slice(axis + 1);
  const column = b.reshape(x, [...before, 1, ...after]);
  const none = column.shape.map(() => 0);
  const zeros = pad(
    b,
    column,
    none,
    column.shape.map((_, i) => (i === axis + 1 ? step - 1 : 0)),
  );
  return b.reshape(zeros, [...before.slice(0, -1), multiplyDims(x.shape[axis], step), ...after]);
}

function pad(b: Builder, x: Value, low: NodeOf<"pad">["params"]["low"], high: NodeOf<"pad">["params"]["high"]): Value {
  if ([...low, ...high].every((dim) => dim === 0)) return x;
  return b.add("pad", { low, high, value: 0 }, [x]);
}

export const padRule: VjpRule<"pad"> = perOperand((b, { params, ins: [x] }, ct) => {
  const stop = x.shape.map((dim, i) => addDims(params.low[i], dim));
  return b.add("slice", { start: params.low, stop, step: x.shape.map(() => 1) }, [ct]);
});

export const concatRule: VjpRule<"concat"> = (b, { params: { axis }, ins }, [ct], wants) => {
  const starts = ins.map((_, i) => addDims(...ins.slice(0, i).map((x) => x.shape[axis])));
  return ins.map((x, i) => {
    if (!wants[i] || ct === undefined) return undefined;
    return b.sliceAxis(ct, axis, starts[i], addDims(starts[i], x.shape[axis]));
  });
};

export const reverseRule: VjpRule<"reverse"> = perOperand((b, { params }, ct) => b.add("reverse", params, [ct]));

export const gatherRule: VjpRule<"gather"> = perOperand((b, { ins: [table, indices] }, ct) =>
  b.add("scatterAdd", { rows: table.shape[0] }, [indices, ct]),
);

export const scatterAddRule: VjpRule<"scatterAdd"> = perOperand(
  () => undefined,
  (b, { ins: [indices] }, ct) => b.add("gather", { name: "" }, [ct, indices]),
);

/** For ops whose result is their operand. */
export const identityRule: VjpRule<"named"> = perOperand((_b, _node, ct) => ct);
