/** Lowering keeps the meaning of graphs: the loop interpreter equals the graph interpreter in float64. */
import { describe, expect, test } from "vitest";
import { addDims, type Dim, symbol } from "../../src/base/dims.ts";
import { sizeOf } from "../../src/base/shapes.ts";
import type { Program } from "../../src/loops/ir.ts";
import { lower } from "../../src/loops/lower/index.ts";
import { printBody } from "../../src/loops/print.ts";
import { visitStatements } from "../../src/loops/walk.ts";
import { randomGraph, withGradients } from "../fuzz/graphs.ts";
import { cases } from "../ops/cases.ts";
import { graphOf as graphOfCase } from "../ops/harness.ts";
import { agree, agreeWith, graphOf } from "./agree.ts";

const [b, t] = [symbol("b"), symbol("t")];
const float = (...shape: Dim[]) => ({ dtype: "float32", shape }) as const;

/** The loops of a program that hold no other loop, as text. */
function innerLoops(program: Program): string[] {
  const found: string[] = [];
  visitStatements(program.body, (s) => {
    if (s.kind === "for" && !s.body.some((inner) => inner.kind === "for")) found.push(printBody([s]).join("\n"));
  });
  return found;
}

describe("every op", () => {
  for (const [op, list] of Object.entries(cases)) {
    list.forEach((c, i) => {
      test(`case ${i} of ${op} means the same in loops`, () => {
        agree(graphOfCase(c), [c.dims ?? {}]);
      });
    });
  }
});

describe("random graphs", () => {
  for (let seed = 0; seed < 60; seed++) {
    test(`random graph ${seed} means the same in loops`, () => {
      const { graph, args, dims } = randomGraph(seed, { depth: 2 });
      agreeWith(graph, args, dims);
    });
  }
  for (let seed = 0; seed < 20; seed++) {
    test(`the gradients of random graph ${seed} mean the same in loops`, () => {
      const { graph, args, dims } = randomGraph(seed);
      agreeWith(withGradients(graph), args, dims);
    });
  }
});

describe("where elementwise work goes", () => {
  test("values that share a costly part come from one loop nest that computes it once", () => {
    const program = agree(
      graphOf((g) => {
        const e = g.add("exp", {}, [g.input("x", float(b, 8))]);
        return [e, g.add("mul", {}, [e, e]), g.add("neg", {}, [e])];
      }),
      [{ b: 3 }, { b: 0 }],
    );
    expect(program.body).toHaveLength(1);
    expect(printBody(program.body).filter((line) => line.includes("exp("))).toHaveLength(1);
  });

  test("the bias correction of Adam, a power of a scalar, is computed outside of the loops", () => {
    const program = agree(
      graphOf((g) => {
        const [m, step] = [g.input("m", float(6, 8)), g.input("step", float())];
        const one = g.scalar(1);
        const decay = g.add("pow", {}, [g.scalar(0.9), g.add("abs", {}, [step])]);
        const correction = g.add("div", {}, [one, g.add("sub", {}, [g.scalar(1.5), decay])]);
        return [g.add("mul", {}, [m, g.broadcastTo(correction, [6, 8])])];
      }),
    );
    for (const text of innerLoops(program)) expect(text).not.toMatch(/pow|\//);
  });

  test("the parts of a concatenation are written in place by one loop nest", () => {
    const program = agree(
      graphOf((g) => {
        const [x, y] = [g.input("x", float(b, 4)), g.input("y", float(b, 4))];
        const parts = (["add", "sub", "mul"] as const).map((op) => g.add(op, {}, [x, y]));
        return [g.add("concat", { axis: 1 }, parts)];
      }),
      [{ b: 5 }],
    );
    expect(program.body).toHaveLength(1);
    expect(program.buffers.filter(({ role }) => role.kind === "temp")).toEqual([]);
  });

  test("an iota alone is not taken for zero", () => {
    agree(graphOf((g) => [g.add("iota", { shape: [5], axis: 0, dtype: "int32" }, [])]));
  });

  test("a value that a view reads early and an output stores late is not read before it is written", () => {
    agree(
      graphOf((g) => {
        const x = g.input("x", float(b, 3));
        const reversed = g.add("reverse", { axes: [1] }, [x]);
        const turned = g.transpose(reversed, [1, 0]);
        return [g.add("matmul", { transposeA: false, transposeB: false }, [reversed, turned]), turned];
      }),
      [{ b: 2 }, { b: 9 }],
    );
  });

  test("a result that is both an output and joined in another order is written to both places", () => {
    agree(
      graphOf((g) => {
        const x = g.add("reverse", { axes: [1] }, [g.input("x", float(t, b, 3))]);
        return [x, g.add("exp", {}, [g.reshape(x, [sizeOf(x.shape)])])];
      }),
      [{ b: 2, t: 3 }],
    );
  });
});

test("a reshape between sizes that are no products is a view", () => {
  const sum = addDims(b, 1);
  agree(
    graphOf((g) => {
      const x = g.add("pad", { low: [1, 0], high: [0, 0], value: 2 }, [g.input("x", float(b, 3))]);
      return [g.add("tanh", {}, [g.reshape(x, [3, sum])]), g.sum(g.reshape(x, [3, sum]), [0])];
    }),
    [{ b: 1 }, { b: 6 }],
  );
});

describe("updates in place", () => {
  const step = (reorder: boolean) =>
    graphOf((g) => {
      const [w, d] = [g.input("w", float(4, 4)), g.input("d", float(4, 4))];
      const w2 = g.add("sub", {}, [w, d]);
      return [w2, ...(reorder ? [g.transpose(w, [1, 0])] : [])];
    });

  test("a variable that is read at the same index only is overwritten at once", () => {
    const program = agree(step(false), [{}], { aliases: [{ output: 0, input: 0 }] });
    expect(program.buffers.map(({ role }) => role.kind)).toEqual(["inout", "input"]);
  });

  test("a variable that is still read keeps its old value until the end", () => {
    const program = agree(step(true), [{}], { aliases: [{ output: 0, input: 0 }] });
    expect(program.buffers.length).toBeGreaterThanOrEqual(3);
  });

  test("two variables can change places", () => {
    const swap = graphOf((g) => {
      const [x, y] = [g.input("x", float(3)), g.input("y", float(3))];
      return [y, x];
    });
    agree(swap, [{}], {
      aliases: [
        { output: 0, input: 0 },
        { output: 1, input: 1 },
      ],
    });
  });

  test("a variable that is returned as it was costs nothing", () => {
    const keep = graphOf((g) => [g.input("x", float(3))]);
    expect(lower(keep, { aliases: [{ output: 0, input: 0 }] }).body).toEqual([]);
  });
});

test("an index outside of the table stops the program and says so", () => {
  const graph = graphOf((g) => {
    const table = g.input("table", float(5, 2));
    const indices = g.input("tokens", { dtype: "int32", shape: [b] });
    return [g.add("gather", { name: "tokens" }, [table, indices])];
  });
  agree(graph, [{ b: 4 }], { below: 5 });
  expect(() => agree(graph, [{ b: 40 }], { below: 9 })).toThrow(
    /embedding "tokens": expected an index from 0 to 4, got [5-8]\./,
  );
});
