/** The loop over time: one operation, rolled, however long the sequence is. */
import { type Dim, equalDims, formatDim } from "../base/dims.ts";
import { OptionError, ShapeError } from "../base/errors.ts";
import { formatShape } from "../base/shapes.ts";
import { isBranch, leavesOf, type Tree, unflatten, zipTrees } from "../base/trees.ts";
import type { Value } from "../graph/graph.ts";
import { traced } from "./apply.ts";
import { Trace, within } from "./context.ts";
import { describe, Tensor, type TensorSpec } from "./tensor.ts";

export interface ScanOptions<C, X> {
  /** The carry before the first step. */
  readonly init: C;
  /** What each step gets its slice of: every leaf has a leading axis of one length. */
  readonly xs?: X;
  /** The number of steps; taken from `xs` if they are given. */
  readonly length?: Dim;
  /** From the last step to the first; ys stay in the positions of xs. */
  readonly reverse?: boolean;
  /** For errors and printed graphs. */
  readonly name?: string;
}

/**
 * A loop that carries values from step to step.
 * `scan : ((carry, x) -> { carry, y }), { init, xs } -> { carry, ys }`. It means
 *
 *   let carry = init; const ys = [];
 *   for (const x of xs) { const out = step(carry, x); carry = out.carry; ys.push(out.y); }
 *   return { carry, ys: stack(ys) };
 *
 * for trees of tensors, but `step` is called once, to be traced: it must be a pure function of its arguments and of
 * tensors around it, which become constants of the loop by themselves. The next carry has the structure, shapes and
 * types of `init`.
 */
export function scan<C, X = undefined, Y = undefined>(
  step: (carry: C, x: X) => { carry: C; y?: Y },
  options: ScanOptions<C, X>,
): { carry: C; ys: Y } {
  const where = options.name === undefined ? "scan" : `scan "${options.name}"`;
  const init = tensorsIn(where, "init", options.init);
  const xs = tensorsIn(where, "xs", options.xs);
  const length = lengthOf(where, xs, options.length);
  return traced(where, (outer) => {
    const body = new Trace(where, outer);
    const carryIns = init.map(({ path, leaf }) => input(body, path === "" ? "carry" : path, leaf));
    const xIns = xs.map(({ path, leaf }) =>
      input(body, path === "" ? "x" : path, { dtype: leaf.dtype, shape: leaf.shape.slice(1) }),
    );
    const result = within(body, () =>
      step(
        unflatten(
          options.init as Tree<Tensor>,
          carryIns.map((v) => body.wrap(v)),
        ) as C,
        unflatten(
          options.xs as Tree<Tensor>,
          xIns.map((v) => body.wrap(v)),
        ) as X,
      ),
    );
    if (!isBranch(result) || !("carry" in result))
      throw new OptionError(`${where}: expected the step to return { carry, y }, got ${describe(result)}. Return it.`);
    const next = zipTrees<Tensor, Tensor>(
      options.init as Tree<Tensor>,
      result.carry as Tree<Tensor>,
      `${where} (carry returned by the step)`,
    );
    checkCarry(where, next);
    const ys = tensorsIn(where, "y", result.y);
    const outputs = [...next.map(({ b }) => body.lift(b)), ...ys.map(({ leaf }) => body.lift(leaf))];
    // Constants were found while tracing, but come first among the inputs.
    const constants = body.constants;
    const named = new Map(body.builder.inputs.map((i) => [i.value, i]));
    const order = [...constants.map((c) => c.inner), ...carryIns, ...xIns].map(
      (v) => named.get(v) as { name: string; value: Value },
    );
    const graph = { ...body.builder.finish(outputs), inputs: order };
    const ins = [...constants.map((c) => c.outer), ...[...init, ...xs].map(({ leaf }) => outer.lift(leaf))];
    const params = {
      body: graph,
      length,
      reverse: options.reverse ?? false,
      consts: constants.length,
      carry: init.length,
    };
    const outs = outer.builder.addAll("scan", params, ins, where).map((v) => outer.wrap(v));
    return {
      carry: unflatten(options.init as Tree<Tensor>, outs.slice(0, init.length)),
      ys: unflatten(result.y as Tree<Tensor>, outs.slice(init.length)),
    } as never;
  }) as { carry: C; ys: Y };
}

/** The leaves of a tree, all of which must be tensors. */
function tensorsIn(where: string, what: string, tree: unknown): { path: string; leaf: Tensor }[] {
  const leaves = leavesOf<Tensor>(tree as Tree<Tensor>);
  for (const { path, leaf } of leaves) {
    if (leaf instanceof Tensor) continue;
    throw new OptionError(
      `${where}: expected tensors in ${what}, got ${describe(leaf)} as ${what}${dotted(path)}. Make it one with tensor(...).`,
      { path },
    );
  }
  return leaves;
}

function input(body: Trace, name: string, spec: TensorSpec): Value {
  return body.builder.input(name, { dtype: spec.dtype, shape: spec.shape });
}

function lengthOf(where: string, xs: readonly { path: string; leaf: Tensor }[], given: Dim | undefined): Dim {
  const lengths = xs.map(({ path, leaf }) => {
    if (leaf.rank === 0)
      throw new ShapeError(
        `${where}: expected xs${dotted(path)} to have a leading time axis, got a scalar. Stack the steps along axis 0.`,
        { path },
      );
    return { path, length: leaf.shape[0] };
  });
  const length = given ?? lengths[0]?.length;
  if (length === undefined)
    throw new OptionError(
      `${where}: expected xs or a length, got neither. Give { xs } to loop over a sequence or { length } to loop so many times.`,
    );
  for (const { path, length: other } of lengths) {
    if (equalDims(length, other)) continue;
    throw new ShapeError(
      `${where}: expected every x to have ${formatDim(length)} steps, got ${formatDim(other)} in xs${dotted(path)}. Give sequences of one length.`,
      { path, lengths: [length, other] },
    );
  }
  return length;
}

function checkCarry(where: string, pairs: readonly { path: string; a: Tensor; b: Tensor }[]): void {
  for (const { path, a, b } of pairs) {
    if (!(b instanceof Tensor))
      throw new OptionError(
        `${where}: expected the step to return a tensor as carry${dotted(path)}, got ${typeof b}. Return tensors, for example zeros([]).`,
      );
    const fits = a.dtype === b.dtype && a.rank === b.rank && a.shape.every((dim, i) => equalDims(dim, b.shape[i]));
    if (fits) continue;
    throw new ShapeError(
      `${where}: the step returned carry${dotted(path)} as ${b.dtype} ${formatShape(b.shape)}, but its initial value is ${a.dtype} ${formatShape(a.shape)}. Return a carry of the same type and shape.`,
      { path, shapes: [a.shape, b.shape], dtypes: [a.dtype, b.dtype] },
    );
  }
}

function dotted(path: string): string {
  return path === "" ? "" : `.${path}`;
}
