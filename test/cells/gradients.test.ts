/**
 * Back-propagation through time of every cell equals central finite differences, both in float64 on the traced graph;
 * and what the cell and its gradient give in WebAssembly is what the interpreter says.
 */
import { expect, test } from "vitest";
import { leavesOf, type Tree } from "../../src/base/trees.ts";
import { interpret } from "../../src/graph/interpret.ts";
import { runCell } from "../../src/nn/index.ts";
import { add, type BackendName, compile, mul, sum, type Tensor, tensor, valueAndGrad } from "../../src/trace/index.ts";
import { compiledBackend } from "../backends.ts";
import { everyCell, everyName, floatsOf, inputsOf, names, paramsOf, random, stateOf } from "./cells.ts";

// Central differences in float64 are exact to about h^2 = 1e-10 of curvature plus 1e-16 / h = 1e-11 of rounding.
const tolerance = 1e-6;
const h = 1e-5;
// Of float32 sums over a few dozen products, in whatever order a backend takes them.
const backendTolerance = 2e-5;

type Args = { params: Tree<Tensor>; x: Tensor[]; state: Tree<Tensor> };
type Case = { name: string; goBackwards: boolean; training: boolean };

/** A scalar of all outputs and states, and its gradient, with fixed random numbers where a cell draws any. */
function differentiated({ name, goBackwards, training }: Case, mask: Tensor | undefined, backend: BackendName) {
  const cell = everyCell[name].make();
  return compile(
    (args: Args, r: Tensor, key: Tensor) => {
      const value = ({ params, x, state }: Args): Tensor => {
        const random = training ? { training, key } : {};
        const whole = runCell(cell, { params, x, state, goBackwards, ...(mask && { mask }), ...random });
        const squares = floatsOf(whole.state).map(({ leaf }) => sum(mul(leaf, leaf)));
        return squares.reduce((all, one) => add(all, one), sum(mul(whole.y, r)));
      };
      return valueAndGrad(value)(args);
    },
    { backend },
  );
}

/** What is differentiated, and the weights of the outputs in the scalar. */
function argumentsOf(name: string, b: number, t: number): [Args, Tensor] {
  const listed = everyCell[name];
  const args = { params: paramsOf(listed), x: inputsOf(listed, b, t, 3), state: stateOf(listed, b) };
  return [args, random([b, t, ...listed.make().output(listed.inputs ?? [[2]])], 5)];
}

const key = tensor([3, 4], { dtype: "int32" });

const every = everyName.map((name) => ({ name, goBackwards: false, training: true }));
const backwards = names.map((name) => ({ name, goBackwards: true, training: false }));

test.each([...every, ...backwards])(
  "$name: gradients are finite differences (backwards: $goBackwards, training: $training)",
  (one) => {
    const [first, r] = argumentsOf(one.name, 2, 3);
    const { graph } = differentiated(one, undefined, "interpreter").inspect(first, r, key);
    const count = leavesOf<Tensor>(first as unknown as Tree<Tensor>).length;
    const leaves = [...leavesOf<Tensor>(first as unknown as Tree<Tensor>).map(({ leaf }) => leaf), r, key];
    expect(leaves.length).toBe(graph.inputs.length);
    const args = leaves.map((x) => (x.dtype === "int32" ? Int32Array.from(x.data()) : Float64Array.from(x.data())));
    const evaluate = () => interpret(graph, args, {}, { precision: "float64" });
    const [, ...grads] = evaluate();
    // Of each weight, input and state along a random direction: one number for all of its elements.
    for (let k = 0; k < count; k++) {
      const at = Float64Array.from(args[k]);
      const direction = random([at.length], 70 + k).data();
      const moved = (by: number): number => {
        args[k].forEach((_, i) => {
          args[k][i] = at[i] + by * direction[i];
        });
        return evaluate()[0][0];
      };
      const difference = (moved(h) - moved(-h)) / (2 * h);
      moved(0);
      const slope = Array.from(direction).reduce((total, d, i) => total + d * grads[k][i], 0);
      const error = Math.abs(slope - difference) / Math.max(1, Math.abs(difference));
      expect(error, graph.inputs[k].name).toBeLessThanOrEqual(tolerance);
    }
  },
);

test.each(everyName)("%s: in WebAssembly as in the interpreter, with a mask, values and gradients", (name) => {
  const mask = tensor([
    [true, true, true, false],
    [true, false, true, true],
  ]);
  const [first, r] = argumentsOf(name, 2, 4);
  const one = { name, goBackwards: false, training: true };
  const [got, want] = ([compiledBackend, "interpreter"] as const).map((backend) => {
    const { value, grads } = differentiated(one, mask, backend)(first, r, key);
    return [value, ...floatsOf(grads).map(({ leaf }) => leaf)];
  });
  expect(got.length).toBe(want.length);
  got.forEach((leaf, i) => {
    const reference = want[i].data();
    leaf.data().forEach((value, j) => {
      const error = Math.abs(value - reference[j]) / Math.max(1, Math.abs(reference[j]));
      expect(error, `${i} [${j}]`).toBeLessThanOrEqual(backendTolerance);
    });
  });
});
