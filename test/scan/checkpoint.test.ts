/**
 * Laws of checkpoints: a loop with them has the values and gradients of the loop without, whatever its form, its length
 * and how it ends; and its gradient holds the carries of the segments and the steps of one, no more.
 */
import { describe, expect, test } from "vitest";
import { type Checkpoint, stepsOfSegment } from "../../src/autodiff/checkpoint.ts";
import { gradients } from "../../src/autodiff/vjp.ts";
import { type Dim, symbol } from "../../src/base/dims.ts";
import type { HostArray } from "../../src/base/dtypes.ts";
import { Builder, inline } from "../../src/graph/build.ts";
import { checkGraph } from "../../src/graph/check.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import { interpret } from "../../src/graph/interpret.ts";
import { check } from "../../src/loops/check.ts";
import { interpret as interpretLoops } from "../../src/loops/interpret.ts";
import { lower } from "../../src/loops/lower/index.ts";
import { optimise } from "../../src/passes/pipeline.ts";
import { argumentsOf, expectClose } from "../ops/harness.ts";
import { targets } from "../ops/targets.ts";
import { type Recurrence, recurrences } from "./recurrences.ts";

/** A loop, and how it ends: at its length, by an operand, by a flag of the step, or by whichever comes first. */
interface Form {
  readonly limited: boolean;
  readonly until: boolean;
  readonly reverse: boolean;
}

const forms: readonly Form[] = [
  { limited: false, until: false, reverse: false },
  { limited: false, until: false, reverse: true },
  { limited: true, until: false, reverse: false },
  { limited: true, until: false, reverse: true },
  { limited: false, until: true, reverse: false },
  { limited: true, until: true, reverse: false },
];

const nameOf = ({ limited, until, reverse }: Form): string =>
  [reverse ? "backwards" : "forwards", ...(limited ? ["limited"] : []), ...(until ? ["with a stop"] : [])].join(", ");

const t = symbol("t");

/** The step with one x more, a flag, on which it stops. */
function withStop({ step }: Recurrence): Graph {
  const g = new Builder(step.name);
  const ins = step.inputs.map(({ name, value }) => g.input(name, value));
  const flag = g.input("flag", { dtype: "bool", shape: [] });
  return g.finish([...inline(g, step, ins), flag]);
}

/** Every element with a weight of its own. */
function weightedSum(g: Builder, values: readonly Value[]): Value {
  const floats = values.filter(({ dtype }) => dtype === "float32");
  const sums = floats.map((value, i) => {
    const key = g.add("constant", { dtype: "int32", shape: [2], data: Int32Array.of(7, i) }, []);
    const weights = g.add("random", { shape: value.shape, distribution: "uniform" }, [key]);
    const all = value.shape.map((_, axis) => axis);
    return g.sum(g.add("mul", {}, [value, weights]), all);
  });
  return sums.reduce((x, y) => g.add("add", {}, [x, y]));
}

/** (operands, limit, flags) -> the results, and the gradients of order 1, or of 1 and 2, of their weighted sum. */
function build(
  recurrence: Recurrence,
  form: Form,
  length: Dim,
  checkpoint: Checkpoint | undefined,
  order: 1 | 2,
): Graph {
  const g = new Builder("test");
  const { consts, carry } = recurrence;
  const operands = recurrence.operands(length).map(({ dtype, shape }, i) => g.input(`in${i}`, { dtype, shape }));
  const limit = g.input("limit", { dtype: "int32", shape: [] });
  const flags = g.input("flags", { dtype: "bool", shape: [length] });
  const { until, limited, reverse } = form;
  const body = until ? withStop(recurrence) : recurrence.step;
  const how = { ...(limited && { limited }), ...(until && { until }), ...(checkpoint && { checkpoint }) };
  const params = { body, length, reverse, consts, carry, ...how };
  const ins = [...operands, ...(until ? [flags] : []), ...(limited ? [limit] : [])];
  const outs = g.addAll("scan", params, ins);
  const wrt = operands.filter(({ dtype }) => dtype === "float32");
  const first = gradients(g, weightedSum(g, outs), wrt);
  const second = order === 1 ? [] : gradients(g, weightedSum(g, first), wrt);
  return checkGraph(g.finish([...outs, ...first, ...second]));
}

const sizes = { b: 2 };

function argumentsFor(recurrence: Recurrence, length: number, limit: number, stop: number): HostArray[] {
  const args = argumentsOf({ name: "", operands: recurrence.operands(length), dims: sizes, build: () => [] });
  const flags = Int32Array.from({ length }, (_, i) => (i === stop ? 1 : 0));
  return [...args, Int32Array.of(limit), flags];
}

/** Limits and stops for a length: none, in the first segment, at an edge of one, behind all. */
function endings({ limited, until }: Form, length: number): { limit: number; stop: number }[] {
  const limits = limited ? [-1, 0, 2, 3, 4, length - 1, length + 5] : [0];
  const stops = until ? [0, 2, 3, length - 1, -1] : [-1];
  return limits.flatMap((limit) => stops.map((stop) => ({ limit, stop })));
}

describe.each(recurrences)("the gradient of a scan of $name with checkpoints", (recurrence) => {
  for (const form of forms) {
    test(`is that without, at free lengths (${nameOf(form)})`, () => {
      const plain = build(recurrence, form, t, undefined, 1);
      for (const checkpoint of [1, 3, "auto"] as const) {
        const graph = build(recurrence, form, t, checkpoint, 1);
        const better = optimise(graph);
        const loops = check(lower(better));
        for (const length of [0, 1, 3, 6, 7]) {
          for (const { limit, stop } of endings(form, length).filter((_, i) => i % (length === 7 ? 2 : 5) === 0)) {
            const args = argumentsFor(recurrence, length, limit, stop);
            const dims = { ...sizes, t: length };
            const wanted = interpret(plain, args, dims);
            const where = JSON.stringify({ checkpoint, length, limit, stop });
            expectAll(where, interpret(graph, args, dims), wanted, 1e-12);
            expectAll(`${where}, optimised`, interpret(better, args, dims), wanted, 1e-11);
            if (checkpoint === 3 && length !== 6)
              expectAll(`${where}, as loops`, interpretLoops(loops, args, dims), wanted, 1e-11);
          }
        }
      }
    });
  }

  test("is that without, at known lengths, and so is its own gradient", () => {
    for (const form of forms.filter(({ reverse, until }) => reverse || until)) {
      for (const [length, checkpoint] of [
        [7, 2],
        [6, 3],
        [5, 5],
        [4, 9],
        [0, 1],
        [9, "auto"],
      ] as const) {
        const args = argumentsFor(recurrence, length, 5, 4);
        const wanted = interpret(build(recurrence, form, length, undefined, 2), args, sizes);
        const got = interpret(build(recurrence, form, length, checkpoint, 2), args, sizes);
        expectAll(`${nameOf(form)}, ${JSON.stringify({ length, checkpoint })}`, got, wanted, 1e-11);
      }
    }
  });

  test("is that without in WebAssembly", () => {
    for (const form of forms) {
      const plain = build(recurrence, form, t, undefined, 1);
      const run = targets[0].prepare(optimise(build(recurrence, form, t, 3, 1)));
      for (const length of [1, 6, 8]) {
        const args = argumentsFor(recurrence, length, 5, 4);
        const dims = { ...sizes, t: length };
        expectAll(`${nameOf(form)}, ${length} steps`, run(args, dims), interpret(plain, args, dims), 2e-4);
      }
    }
  });
});

function expectAll(
  where: string,
  got: readonly ArrayLike<number>[],
  wanted: readonly ArrayLike<number>[],
  tolerance: number,
): void {
  wanted.forEach((values, i) => {
    try {
      expectClose(got[i], values, tolerance);
    } catch (error) {
      expect.fail(`${where}, output ${i}: ${(error as Error).message}`);
    }
  });
}

test("a segment of automatic length is near the square root of the length, and divides it if it can", () => {
  expect([1, 2, 7, 16, 100, 820, 821, 16384].map((length) => stepsOfSegment("auto", length))).toEqual([
    1, 1, 3, 4, 10, 20, 29, 128,
  ]);
  expect(stepsOfSegment("auto", t)).toBe(64);
  expect(stepsOfSegment(17, 100)).toBe(17);
});
