/** The loop over time: one operation, rolled, however long the sequence is. */
import { type Dim, equalDims, formatDim } from "../base/dims.ts";
import { OptionError, ShapeError } from "../base/errors.ts";
import { checkOptionNames } from "../base/names.ts";
import { formatShape } from "../base/shapes.ts";
import { isBranch, leavesOf, type Tree, unflatten, zipTrees } from "../base/trees.ts";
import type { Graph, Input, Value } from "../graph/graph.ts";
import { traced } from "./apply.ts";
import { liftOperand, Trace, within } from "./context.ts";
import { describe, Tensor, type Tensorlike, type TensorSpec } from "./tensor.ts";

export interface ScanOptions<C, X> {
  /** The carry before the first step. */
  readonly init: C;
  /** What each step gets its slice of: every leaf has a leading axis of one length. */
  readonly xs?: X;
  /** The number of steps, at most where `steps` or `until` is given; taken from `xs` if they are given. */
  readonly length?: Dim;
  /** From the last step to the first; ys stay in the positions of xs. Not together with `until`. */
  readonly reverse?: boolean;
  /**
   * How many of the steps to run, an int32 scalar that is known in the call only; kept within 0..length. Steps 0 to
   * steps - 1 are run (in reverse: from steps - 1 down). The others cost nothing: their ys are zeros, whatever is in
   * their xs, and their xs get a gradient of zero.
   */
  readonly steps?: Tensorlike;
  /** Whether to stop, a bool scalar from the carry that a step has returned: that step is the last. See `scan`. */
  readonly until?: (carry: C) => Tensor;
  /**
   * Less memory for a gradient through the loop, at the cost of doing the steps a second time: only the carry of every so
   * many steps is saved, and the steps between are computed again. "auto" is near the square root of the length. Values
   * are the same, and a loop without a gradient costs what it did. All steps are saved if not given.
   */
  readonly checkpoint?: number | "auto";
  /** For errors and printed graphs. */
  readonly name?: string;
}

const optionNames = ["init", "xs", "length", "reverse", "steps", "until", "checkpoint", "name"];

/** What a step returns. */
interface StepResult<C, Y> {
  carry: C;
  y?: Y;
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
 *
 * With `until` it is a loop that ends by itself, `do { ... } while (!until(carry))` of at most `length` steps, with a
 * real exit in the compiled code; the result says in `steps` how many steps it took (int32 scalar), and ys of the
 * others are zeros. `until` is traced once too. Gradients flow through the steps that were taken.
 */
export function scan<C, X = undefined, Y = undefined>(
  step: (carry: C, x: X) => StepResult<C, Y>,
  options: ScanOptions<C, X> & { readonly until: (carry: C) => Tensor },
): { carry: C; ys: Y; steps: Tensor };
export function scan<C, X = undefined, Y = undefined>(
  step: (carry: C, x: X) => StepResult<C, Y>,
  options: ScanOptions<C, X>,
): { carry: C; ys: Y };
export function scan<C, X, Y>(
  step: (carry: C, x: X) => StepResult<C, Y>,
  options: ScanOptions<C, X>,
): { carry: C; ys: Y; steps?: Tensor } {
  const where = options.name === undefined ? "scan" : `scan "${options.name}"`;
  checkOptionNames(where, options, optionNames);
  const init = tensorsIn(where, "init", options.init);
  const xs = tensorsIn(where, "xs", options.xs);
  checkEnd(where, options);
  checkCheckpoint(where, options);
  const { steps, reverse = false, checkpoint } = options;
  const length = lengthOf(where, xs, options.length);
  return traced(where, (outer) => {
    const { body, ys, stop } = traceBody(where, outer, step, options);
    const limit = steps === undefined ? [] : [liftOperand(outer, steps, "int32")];
    const ins = [
      ...body.constants.map((c) => c.outer),
      ...[...init, ...xs].map(({ leaf }) => outer.lift(leaf)),
      ...limit,
    ];
    const params = {
      body: body.graph,
      length,
      reverse,
      consts: body.constants.length,
      carry: init.length,
      ...(steps !== undefined && { limited: true }),
      ...(stop && { until: true }),
      ...(checkpoint !== undefined && { checkpoint }),
    };
    const outs = outer.builder.addAll("scan", params, ins, where).map((v) => outer.wrap(v));
    return {
      carry: unflatten(options.init as Tree<Tensor>, outs.slice(0, init.length)),
      ys: unflatten(ys as Tree<Tensor>, outs.slice(init.length)),
      ...(stop && { steps: outs[outs.length - 1] }),
    } as never;
  }) as { carry: C; ys: Y; steps?: Tensor };
}

/** Whether the options that end a loop early fit together. */
function checkEnd<C, X>(where: string, { steps, until, reverse }: ScanOptions<C, X>): void {
  if (until !== undefined && reverse === true)
    throw new OptionError(`${where}: expected until without reverse, got both. Give reversed xs, and reverse the ys.`);
  if (typeof steps === "number" && !Number.isInteger(steps))
    throw new OptionError(`${where}: expected a whole number of steps, got ${steps}. Give an int32 scalar.`);
}

function checkCheckpoint<C, X>(where: string, { checkpoint }: ScanOptions<C, X>): void {
  if (checkpoint === undefined || checkpoint === "auto" || (Number.isInteger(checkpoint) && checkpoint > 0)) return;
  throw new OptionError(
    `${where}: expected "checkpoint" to be a positive whole number of steps or "auto", got ${describe(checkpoint)}. Leave it out to save every step.`,
    { checkpoint },
  );
}

/** The graph of a step, the tensors of outside that it reads, and the tree of its y. */
interface Body {
  readonly graph: Graph;
  readonly constants: Trace["constants"];
}

/** Traces the step, and the condition to stop. */
function traceBody<C, X, Y>(
  where: string,
  outer: Trace,
  step: (carry: C, x: X) => StepResult<C, Y>,
  options: ScanOptions<C, X>,
): { body: Body; ys: Y | undefined; stop: boolean } {
  const body = new Trace(where, outer);
  const carryIns = tensorsIn(where, "init", options.init).map(({ path, leaf }) =>
    input(body, path === "" ? "carry" : path, leaf),
  );
  const xIns = tensorsIn(where, "xs", options.xs).map(({ path, leaf }) =>
    input(body, path === "" ? "x" : path, { dtype: leaf.dtype, shape: leaf.shape.slice(1) }),
  );
  const rebuild = (like: unknown, values: readonly Value[]): unknown =>
    unflatten(
      like as Tree<Tensor>,
      values.map((v) => body.wrap(v)),
    );
  const result = within(body, () => step(rebuild(options.init, carryIns) as C, rebuild(options.xs, xIns) as X));
  if (!isBranch(result) || !("carry" in result))
    throw new OptionError(`${where}: expected the step to return { carry, y }, got ${describe(result)}. Return it.`);
  checkOptionNames(`${where}, result of the step`, result, ["carry", "y"]);
  const next = zipTrees<Tensor, Tensor>(
    options.init as Tree<Tensor>,
    result.carry as Tree<Tensor>,
    `${where} (carry returned by the step)`,
  );
  checkCarry(where, next);
  const ys = tensorsIn(where, "y", result.y);
  const { until } = options;
  const stop =
    until &&
    body.lift(
      checkStop(
        where,
        within(body, () => until(result.carry)),
      ),
    );
  const outputs = [...next.map(({ b }) => b), ...ys.map(({ leaf }) => leaf)].map((x) => body.lift(x));
  // Constants were found while tracing, but come first among the inputs.
  const { constants, builder } = body;
  const named = new Map(builder.inputs.map((i) => [i.value, i]));
  const order = [...constants.map((c) => c.inner), ...carryIns, ...xIns].map((v) => named.get(v) as Input);
  const graph = { ...builder.finish(outputs.concat(stop ?? [])), inputs: order };
  return { body: { graph, constants }, ys: result.y, stop: stop !== undefined };
}

function checkStop(where: string, stop: unknown): Tensor {
  if (stop instanceof Tensor && stop.dtype === "bool" && stop.rank === 0) return stop;
  const got = stop instanceof Tensor ? `${stop.dtype} ${formatShape(stop.shape)}` : describe(stop);
  throw new OptionError(
    `${where}: expected until to return a bool scalar, got ${got}. Reduce a comparison with all(...) or any(...).`,
  );
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
