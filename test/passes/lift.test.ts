/** The law of lifting: for all steps at once = the stack of the single steps, for every op and every choice of stacked operands. */
import { expect, test } from "vitest";
import { symbol } from "../../src/base/dims.ts";
import { foldIn, keyFromSeed } from "../../src/base/random.ts";
import { evaluateShape } from "../../src/base/shapes.ts";
import { Builder } from "../../src/graph/build.ts";
import { checkGraph } from "../../src/graph/check.ts";
import { interpret } from "../../src/graph/interpret.ts";
import type { OpName } from "../../src/graph/ops.ts";
import { canLift, liftAll, spread } from "../../src/passes/lift.ts";
import { cases } from "../ops/cases.ts";
import { argumentsOf, type Case, expectClose, graphOf } from "../ops/harness.ts";

const steps = 3;
const length = symbol("steps");

for (const [op, list] of Object.entries(cases) as [OpName, readonly Case[]][]) {
  test.for(list)(`lifted ${op} $name = the single steps, seed 7`, (one) => {
    const count = one.operands.length;
    for (let choice = 1; choice < 2 ** count; choice++) checkLaw(one, (i) => ((choice >> i) & 1) === 1);
  });
}

function checkLaw(one: Case, stacked: (operand: number) => boolean): void {
  const graph = graphOf(one);
  const liftable = graph.nodes.every(({ op, params }) => canLift(op, params));
  const builder = new Builder("lifted");
  const ins = graph.inputs.map(({ name, value: { dtype, shape } }, i) => {
    const value = builder.input(name, { dtype, shape: stacked(i) ? [length, ...shape] : shape });
    return { value, stacked: stacked(i) };
  });
  const lifted = liftAll(builder, graph, ins, length);
  expect(lifted !== undefined).toBe(liftable || !graph.inputs.some((_, i) => stacked(i)));
  if (lifted === undefined) return;
  const outs = lifted.map((out) => spread(builder, out, length));
  const all = checkGraph(builder.finish(outs));
  const perStep = Array.from({ length: steps }, (_, step) => argumentsOf(one, foldIn(keyFromSeed(7), step)));
  const args = perStep[0].map((first, i) => (stacked(i) ? concat(perStep.map((each) => each[i])) : first));
  const found = interpret(all, args, { ...one.dims, steps });
  const single = perStep.map((each) =>
    interpret(
      graph,
      each.map((arg, i) => (stacked(i) ? arg : perStep[0][i])),
      one.dims,
    ),
  );
  outs.forEach((out, i) => {
    const size = evaluateShape(out.shape.slice(1), one.dims ?? {}).reduce((x, y) => x * y, 1);
    single.forEach((results, step) => {
      expectClose(found[i].slice(step * size, (step + 1) * size), results[i], 1e-12);
    });
  });
}

function concat(arrays: readonly (Float32Array | Int32Array)[]): Float32Array | Int32Array {
  const elements = arrays.flatMap((array) => [...array]);
  return arrays[0] instanceof Float32Array ? Float32Array.from(elements) : Int32Array.from(elements);
}

test("only random cannot be lifted: each step has its own key", () => {
  const never = Object.entries(cases).filter(([op, [one]]) =>
    graphOf(one).nodes.some((node) => node.op === op && !canLift(node.op, node.params)),
  );
  expect(never.map(([op]) => op)).toEqual(["random"]);
});
