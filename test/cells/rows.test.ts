/** No cell mixes the rows of a batch in its loops, forwards or backwards: threads may divide them for a whole sequence. */
import { describe, expect, test } from "vitest";
import type { Tree } from "../../src/base/trees.ts";
import type { Graph, ScanNode } from "../../src/graph/graph.ts";
import { type RunCellOptions, runCell } from "../../src/nn/index.ts";
import { rowAxesOf } from "../../src/passes/rows.ts";
import { compile, mul, notEqual, sum, type Tensor, tensor, valueAndGrad } from "../../src/trace/index.ts";
import { everyCell, everyName, inputsOf, paramsOf } from "./cells.ts";

const scansOf = ({ nodes }: Graph): ScanNode[] => nodes.flatMap((node) => (node.op === "scan" ? [node] : []));
const [batch, steps] = [3, 4];
const every = (value: number): Tensor =>
  notEqual(
    tensor(
      Array.from({ length: batch * steps }, (_, i) => (i + value) % 3),
      { shape: [batch, steps] },
    ),
    0,
  );
const options: Readonly<Record<string, Partial<RunCellOptions>>> = {
  "no option": {},
  mask: { mask: every(0) },
  resets: { resets: every(1) },
  gradientHorizon: { gradientHorizon: 2 },
};

describe.each(Object.keys(options))("with %s", (option) => {
  test.for(everyName)("%s keeps rows apart", (name) => {
    const listed = everyCell[name];
    const loss = (params: Tree<Tensor>, x: readonly Tensor[]): Tensor => {
      const { y } = runCell(listed.make(), { params, x, training: true, key: 1, ...options[option] });
      return sum(mul(y, y));
    };
    const { optimised } = compile(valueAndGrad(loss)).inspect(paramsOf(listed), inputsOf(listed, batch, steps));
    const loops = scansOf(optimised);
    expect(loops.length).toBeGreaterThan(1);
    for (const { params } of loops) expect(rowAxesOf(params.body, params), params.body.name).toBeDefined();
  });
});
