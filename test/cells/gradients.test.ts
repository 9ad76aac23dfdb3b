/** Back-propagation through time of every cell equals central finite differences, both in float64 on the traced graph. */
import { expect, test } from "vitest";
import { leavesOf, mapTree, type Tree } from "../../src/base/trees.ts";
import { interpret } from "../../src/graph/interpret.ts";
import { context } from "../../src/nn/index.ts";
import { add, compile, mul, sum, type Tensor, valueAndGrad } from "../../src/trace/index.ts";
import { cells, modelOf, names, random } from "./cells.ts";

// Central differences in float64 are exact to about h^2 = 1e-10 of curvature plus 1e-16 / h = 1e-11 of rounding.
const tolerance = 1e-6;
const h = 1e-5;

test.each(
  names.flatMap((name) => [
    { name, goBackwards: false, returnSequences: true },
    { name, goBackwards: true, returnSequences: true },
    { name, goBackwards: false, returnSequences: false },
  ]),
)(
  "$name: gradients are finite differences (backwards: $goBackwards, all steps: $returnSequences)",
  ({ name, ...how }) => {
    const model = modelOf(cells[name](), how);
    const first = { params: model.params(), x: random([2, 4, 2], 3), state: randomState(model.zeroState(2)) };
    const r = random(how.returnSequences ? [2, 4, 3] : [2, 3], 5);
    const both = compile((args: typeof first) =>
      valueAndGrad(({ params, x, state }: typeof first) => {
        const result = model.forward({ params, state, inputs: [x], context: context() });
        let value = sum(mul(result.outputs[0], r));
        for (const { leaf } of leavesOf<Tensor>(result.state)) value = add(value, sum(mul(leaf, leaf)));
        return value;
      })(args),
    );
    const { graph } = both.inspect(first);
    // Captured tensors come after the arguments.
    const args = [...leavesOf<Tensor>(first as unknown as Tree<Tensor>).map(({ leaf }) => leaf), r].map((x) =>
      Float64Array.from(x.data()),
    );
    expect(args.length).toBe(graph.inputs.length);
    const evaluate = () => interpret(graph, args, {}, { precision: "float64" });
    const [, ...grads] = evaluate();
    for (let leaf = 0; leaf < args.length - 1; leaf++) {
      for (let i = 0; i < args[leaf].length; i++) {
        const at = args[leaf][i];
        args[leaf][i] = at + h;
        const above = evaluate()[0][0];
        args[leaf][i] = at - h;
        const below = evaluate()[0][0];
        args[leaf][i] = at;
        const difference = (above - below) / (2 * h);
        const error = Math.abs(grads[leaf][i] - difference) / Math.max(1, Math.abs(difference));
        expect(error, `${graph.inputs[leaf].name}[${i}]`).toBeLessThanOrEqual(tolerance);
      }
    }
  },
);

function randomState<S>(state: S): S {
  let seed = 50;
  return mapTree<Tensor, Tensor>(state as Tree<Tensor>, (zeros) => random(zeros.shape as number[], seed++)) as S;
}
