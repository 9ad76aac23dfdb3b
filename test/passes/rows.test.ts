/** Rows of a scan's body: no row of the results needs another row of the operands. */
import { expect, test } from "vitest";
import { type DimValues, evaluateDim, multiplyDims, symbol } from "../../src/base/dims.ts";
import { evaluateShape } from "../../src/base/shapes.ts";
import type { Builder } from "../../src/graph/build.ts";
import type { Graph, ScanNode, Value } from "../../src/graph/graph.ts";
import { interpret } from "../../src/graph/interpret.ts";
import { optimise } from "../../src/passes/pipeline.ts";
import { type RowAxis, rowAxesOf, rowsOf } from "../../src/passes/rows.ts";
import { drawFrom, randomGraph, withGradients } from "../fuzz/graphs.ts";
import { type CellName, cells, forwardGraph, loop, product, trainingGraph } from "./networks.ts";

const scansOf = ({ nodes }: Graph): ScanNode[] =>
  nodes.flatMap((node) => (node.op === "scan" ? [node, ...scansOf(node.params.body)] : []));

/** Which elements of a value lie in a row. */
function inRow(value: Value, { axis, block }: RowAxis, row: number, dims: DimValues): boolean[] {
  const shape = evaluateShape(value.shape, dims);
  const size = evaluateDim(block, dims);
  const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const count = shape.reduce((a, b) => a * b, 1);
  return Array.from({ length: count }, (_, i) => Math.floor((Math.floor(i / inner) % shape[axis]) / size) === row);
}

/** Changes one row of every operand that has rows: only that row of the results changes. */
function expectApart({ params: { body } }: ScanNode, rows: ReadonlyMap<Value, RowAxis>, dims: DimValues): void {
  const draw = drawFrom(body.nodes.length);
  const made = ({ value: { dtype, shape } }: Graph["inputs"][number]): Float32Array | Int32Array => {
    const count = evaluateShape(shape, dims).reduce((a, b) => a * b, 1);
    const numbers = Array.from({ length: count }, () => draw() * 2 - 1);
    return dtype === "float32" ? Float32Array.from(numbers) : Int32Array.from(numbers, (x) => (x < 0 ? 1 : 0));
  };
  const before = body.inputs.map(made);
  const after = before.map((data, i) => {
    const { value } = body.inputs[i];
    const axis = rows.get(value);
    const changed = axis === undefined ? undefined : inRow(value, axis, 1, dims);
    return changed === undefined
      ? data
      : data.map((x, j) => (changed[j] ? (data instanceof Int32Array ? 1 - x : -x) : x));
  });
  const [left, right] = [before, after].map((args) => interpret(body, args, dims));
  body.outputs.forEach((value, i) => {
    const axis = rows.get(value);
    const own = axis === undefined ? [...left[i]].map(() => false) : inRow(value, axis, 1, dims);
    expect([...right[i]].filter((_, j) => !own[j])).toEqual([...left[i]].filter((_, j) => !own[j]));
  });
}

test("no row of a random loop that has rows needs another, seeds 0 to 199, forwards and backwards", () => {
  let found = 0;
  for (let seed = 0; seed < 200; seed++) {
    const { graph } = randomGraph(seed, { depth: 2 });
    const dims = { b: 3, t: 4 };
    for (const node of [optimise(graph), optimise(withGradients(graph))].flatMap(scansOf)) {
      const rows = rowAxesOf(node.params.body, node.params);
      if (rows === undefined) continue;
      found++;
      expectApart(node, rows, dims);
    }
  }
  expect(found).toBeGreaterThan(100);
});

test.for(Object.keys(cells) as CellName[])(
  "every value of the step of a %s has the batch in front, weights have none",
  (name) => {
    const [{ params }] = scansOf(optimise(forwardGraph(name)));
    const { body } = params;
    const rows = rowsOf(body, params);
    expect(body.inputs.map(({ value }) => rows?.get(value))).toEqual(
      body.inputs.map(({ value }) => (typeof value.shape[0] === "number" ? undefined : 0)),
    );
  },
);

test.for(Object.keys(cells) as CellName[])(
  "the backward loop of a %s keeps rows apart once the gradients of weights have left it",
  (name) => {
    const graph = trainingGraph(name);
    const [forward, backward] = scansOf(graph).map(({ params }) => rowsOf(params.body, params));
    expect(forward).toBeDefined();
    expect(backward).toBeUndefined();
    for (const { params } of scansOf(optimise(graph))) expect(rowsOf(params.body, params)).toBeDefined();
  },
);

test("a batch that is transposed has its rows in another place; one that is reversed or summed has none", () => {
  const rowsAfter = (change: (body: Builder, next: Value) => Value): number | undefined => {
    const graph = loop((body, h, w, x) => {
      const next = product(body, body.add("add", {}, [h, x]), w);
      return { next, ys: [change(body, next)] };
    });
    const [{ params }] = scansOf(graph);
    return rowsOf(params.body, params)?.get(params.body.outputs[1]);
  };
  const b = symbol("b");
  expect(rowsAfter((_, x) => x)).toBe(0);
  expect(rowsAfter((body, x) => body.transpose(x, [1, 0]))).toBe(1);
  expect(rowsAfter((body, x) => body.sum(x, [1]))).toBe(0);
  expect(rowsAfter((body, x) => body.reshape(x, [b, 1, 3]))).toBe(0);
  expect(rowsAfter((body, x) => body.sum(x, [0]))).toBeUndefined();
  expect(rowsAfter((body, x) => body.add("reverse", { axes: [0] }, [x]))).toBeUndefined();
});

test("rows that a reshape joins with what lies behind them are blocks of its result, until they are taken apart", () => {
  const b = symbol("b");
  const shapes: RowAxis[] = [];
  const graph = loop((body, h, w, x) => {
    const wide = body.broadcastTo(body.reshape(x, [b, 1, 3]), [b, 5, 3]);
    const flat = product(body, body.reshape(wide, [multiplyDims(b, 5), 3]), w);
    const next = body.add("add", {}, [h, body.sum(body.reshape(flat, [b, 5, 3]), [1])]);
    return { next, ys: [flat, next] };
  });
  const [{ params }] = scansOf(graph);
  const rows = rowAxesOf(params.body, params);
  for (const out of params.body.outputs) shapes.push(rows?.get(out) as RowAxis);
  expect(shapes).toEqual([
    { axis: 0, block: 1 },
    { axis: 0, block: 5 },
    { axis: 0, block: 1 },
  ]);
  expect(rowsOf(params.body, params)).toBeUndefined();
});
