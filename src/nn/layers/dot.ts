/** The product of two values along an axis of each, as Keras's `Dot`. Not here: products element by element (`merge.ts`). */
import { equalDims } from "../../base/dims.ts";
import { OptionError, ShapeError } from "../../base/errors.ts";
import { formatShape, type Shape } from "../../base/shapes.ts";
import { div, matmul, maximum, reshape, sqrt, square, sum, type Tensor, type TensorSpec } from "../../trace/index.ts";
import { expectUsed } from "../cells/kernels.ts";
import { describeLayer, expectFloats, type Layer, type LayerCall, type LayerResult } from "../layer.ts";
import { zeroWhereMasked } from "../masks.ts";
import { flag, type OptionRule, type Options, readOptions } from "../options.ts";

/** One axis for both values, or one for each; counted with the batch, or from the end. */
export type DotAxes = number | readonly [number, number];

export interface DotOptions {
  readonly name?: string;
  readonly axes: DotAxes;
  /** Whether both are brought to length 1 along the axis first, which makes the product the cosine of their angle. */
  readonly normalize?: boolean;
  /** Whether a sum over time leaves out masked steps (default); false: it takes what stands there, as Keras 2 does. */
  readonly useMasks?: boolean;
}

const isAxis = (value: unknown): boolean => [1, 2, -1, -2].includes(value as number);
const axesRule: OptionRule<DotAxes> = {
  expected: (value) =>
    isAxis(value) || (Array.isArray(value) && value.length === 2 && value.every(isAxis))
      ? undefined
      : "1, 2, -1 or -2, or a list of two of these, one for each value: an axis counted with the batch, or from the end",
};

const rules = { axes: axesRule, normalize: flag(false), useMasks: flag(true) };

/**
 * The products of two values, summed over an axis of each: x [b, m, k], y [b, n, k] -> [b, m, n] with `axes: 2`; `axes: 1` sums
 * over time, `axes: [2, 1]` takes y as [b, k, n]. A row has no other axis, and gives none: x [b, k], y [b, n, k] -> [b, n] with
 * `axes: [1, 2]`, and two rows give [b, 1]. A sum over time leaves out masked steps; the result has no mask.
 */
export function dotLayer({ name, ...given }: DotOptions): Layer {
  const where = describeLayer("dotLayer", name);
  const options = readOptions(where, given, rules);
  if (![options.axes].flat().some((axis) => axis === 1 || axis === -2))
    expectUsed(where, options, rules, [{ names: ["useMasks"], because: "axes that are never time" }]);
  const apply = ({ state, inputs, masks = [] }: LayerCall): LayerResult => {
    const shapes = inputs.map(({ shape }) => shape);
    const axes = axesOf(options.axes, shapes);
    const clean = inputs.map((x, i) => {
      const mask = masks[i];
      return options.useMasks && mask !== undefined && x.rank === 3 && axes[i] === 1 ? zeroWhereMasked(x, mask) : x;
    });
    const [x, y] = options.normalize ? clean.map((one, i) => unit(one, axes[i])) : clean;
    const product = matmul(asMatrix(x), asMatrix(y), {
      transposeA: x.rank === 3 && axes[0] === 1,
      transposeB: y.rank === 2 || axes[1] === 2,
    });
    return { y: reshape(product, producedShape(shapes, axes)), state };
  };
  return Object.freeze({
    kind: "dotLayer",
    name,
    options: options as unknown as Options,
    params: () => ({}),
    state: () => ({}),
    output: (inputs: readonly TensorSpec[]) => {
      for (const one of inputs) expectFloats(where, one);
      const shapes = expectTwo(where, inputs);
      const axes = axesOf(options.axes, shapes);
      expectFit(where, shapes, axes);
      return { dtype: "float32" as const, shape: producedShape(shapes, axes) };
    },
    masks: "drop" as const,
    apply,
    stepping: {
      refused:
        "it may sum over steps. Use multiplyLayer() and a sum of your own at each step, or run on whole sequences",
    },
  });
}

/** x / |x| along an axis; |x|^2 is taken as at least 1e-14, as in Keras. */
function unit(x: Tensor, axis: number): Tensor {
  return div(x, sqrt(maximum(sum(square(x), axis, { keepDims: true }), 1e-14)));
}

/** A row [b, k] as [b, 1, k]. */
function asMatrix(x: Tensor): Tensor {
  return x.rank === 3 ? x : reshape(x, [x.shape[0], 1, x.shape[1]]);
}

/** The axes counted with the batch. */
function axesOf(axes: DotAxes, shapes: readonly Shape[]): readonly number[] {
  const both = typeof axes === "number" ? [axes, axes] : axes;
  return both.map((axis, i) => (axis < 0 ? axis + shapes[i].length : axis));
}

/** The batch, then what is left of x and of y; of two rows [b, 1]. */
function producedShape([x, y]: readonly Shape[], axes: readonly number[]): Shape {
  const left = [x, y].flatMap((shape, i) => shape.filter((_, axis) => axis !== 0 && axis !== axes[i]));
  return [x[0], ...(left.length === 0 ? [1] : left)];
}

function expectTwo(where: string, inputs: readonly TensorSpec[]): readonly Shape[] {
  if (inputs.length !== 2) {
    throw new OptionError(
      `${where}: expected two inputs, got ${inputs.length}. Call it with a list: call(layer, [x, y]).`,
      {
        inputs: inputs.length,
      },
    );
  }
  const shapes = inputs.map(({ shape }) => shape);
  if (shapes.every(({ length }) => length === 2 || length === 3)) return shapes;
  throw new ShapeError(
    `${where}: expected rows [batch, features] or sequences [batch, time, features], got ${shapes.map((one) => formatShape(one)).join(" and ")}. Bring them to two or three axes with reshapeLayer({ targetShape }).`,
    { shapes },
  );
}

function expectFit(where: string, shapes: readonly Shape[], axes: readonly number[]): void {
  const sizes = axes.map((axis, i) => shapes[i][axis]);
  if (axes.every((axis, i) => axis > 0 && axis < shapes[i].length) && equalDims(sizes[0], sizes[1])) return;
  throw new ShapeError(
    `${where}: expected values of the same size along the axes ${axes.join(" and ")}, got ${shapes.map((one) => formatShape(one)).join(" and ")}. Choose other axes, or bring them to one width with dense({ units }).`,
    { axes, shapes },
  );
}
