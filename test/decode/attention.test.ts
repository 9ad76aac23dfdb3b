/** Attention cells: numbers of plain references, masked memory that does not exist, gradients, and the laws of every cell. */
import { describe, expect, test } from "vitest";
import { leavesOf, mapTree, type Tree } from "../../src/base/trees.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { interpret } from "../../src/graph/interpret.ts";
import {
  type AttentionOptions,
  attentionCell,
  attentionCellWrapper,
  bahdanau,
  type Cell,
  call,
  input,
  lstmCell,
  luong,
  model,
  modelFromDefinition,
  monotonicModes,
  monotonicWeights,
  type ParamSpec,
  rnn,
  runCell,
  simpleRNNCell,
  stackCells,
  withLengths,
} from "../../src/nn/index.ts";
import { add, compile, mul, reshape, slice, sum, type Tensor, tensor, valueAndGrad } from "../../src/trace/index.ts";
import { backends } from "../backends.ts";
import { dot, type PlainAttention, plainAttentionCell, plainMonotonic, plus, times } from "./attention.ts";
import { distance, ints, random } from "./toy.ts";

interface Case {
  readonly plain: PlainAttention;
  readonly cell: () => Cell;
}

const inner = (): Cell => simpleRNNCell({ units: 3 });
const made = (
  plain: PlainAttention,
  mechanism: () => ReturnType<typeof luong>,
  options: AttentionOptions = {},
): Case => ({
  plain,
  cell: () => attentionCell(inner(), mechanism(), options),
});

const cases: { readonly [name: string]: Case } = {
  Bahdanau: made({ kind: "bahdanau" }, () => bahdanau({ units: 4 })),
  "Bahdanau, normalised, with an attention layer": made(
    { kind: "bahdanau" },
    () => bahdanau({ units: 4, normalize: true }),
    { attentionLayerSize: 2 },
  ),
  Luong: made({ kind: "luong" }, () => luong()),
  "Luong, scaled, without input feeding, output of the cell": made(
    { kind: "luong", inputFeeding: false, outputAttention: false },
    () => luong({ units: 3, scale: true }),
    { inputFeeding: false, outputAttention: false },
  ),
  "Bahdanau, monotonic, parallel": made({ kind: "bahdanau", monotonic: "parallel" }, () =>
    bahdanau({ units: 4, monotonic: "parallel" }),
  ),
  "Luong, monotonic, recursive, with an attention layer": made(
    { kind: "luong", monotonic: "recursive" },
    () => luong({ monotonic: { name: "recursive", scoreBias: -0.5 } }),
    { attentionLayerSize: 3 },
  ),
  "Luong, monotonic, hard": made({ kind: "luong", monotonic: "hard" }, () => luong({ monotonic: "hard" })),
};

/** Weights of a cell over 2 features and a memory of 5 x 3, random everywhere. */
function weightsFor(cell: Cell, features = 2): Tree<Tensor> {
  let seed = 70;
  return mapTree(cell.params([[features]], [[5, 3]]), ({ shape }: { shape: readonly number[] }) =>
    random(shape, seed++, 0.9),
  ) as Tree<Tensor>;
}

const byPath = (tree: Tree<Tensor>): { [path: string]: unknown } =>
  Object.fromEntries(leavesOf<Tensor>(tree).map(({ path, leaf }) => [path, leaf.toArray()]));

const lengths = [5, 3, 1];
const mask = tensor(lengths.map((n) => [0, 1, 2, 3, 4].map((i) => i < n)));

describe.each(Object.entries(cases))("%s", (_, { plain, cell: make }) => {
  const cell = make();
  const params = weightsFor(cell);
  const [x, memory] = [random([3, 4, 2], 1), random([3, 5, 3], 2, 2)];

  test.each(backends)("outputs, states and alignments are those of the formulas (%s)", (backend) => {
    const run = compile(
      (p: Tree<Tensor>, a: Tensor, m: Tensor, valid: Tensor) =>
        runCell(cell, { params: p, x: a, constants: [m], constantMasks: [valid] }),
      { backend },
    );
    const { y, state, states } = run(params, x, memory, mask);
    const alignments = states.alignments.toArray() as number[][][];
    lengths.forEach((valid, row) => {
      const at = <T>(t: Tensor): T => (t.toArray() as T[])[row];
      const want = plainAttentionCell(plain, byPath(params), at(x), at(memory), valid);
      expect(distance(at<number[][]>(y).flat(), want.ys.flat())).toBeLessThan(1e-5);
      expect(distance(alignments[row].flat(), want.history.flat())).toBeLessThan(1e-5);
      const last = state;
      expect(distance(at(last.cell.h), want.h)).toBeLessThan(1e-5);
      expect(distance(at(last.attention), want.attention)).toBeLessThan(1e-5);
      for (const step of alignments[row]) expect(step.slice(valid)).toEqual(step.slice(valid).map(() => 0));
    });
  });

  const gradients = compile((args: { params: Tree<Tensor>; x: Tensor; memory: Tensor }, valid: Tensor, r: Tensor) =>
    valueAndGrad((free: typeof args) => {
      const { y, state } = runCell(cell, {
        params: free.params,
        x: free.x,
        constants: [free.memory],
        constantMasks: [valid],
      });
      return add(sum(mul(y, r)), sum(mul(state.attention, 0.3)));
    })(args),
  );
  const width = cell.output([[2]], [[5, 3]])[0];
  const r = random([3, 4, width], 5);

  test("gradients are finite differences", () => {
    const first = { params, x, memory };
    const { graph } = gradients.inspect(first, mask, r);
    checkDifferences(
      graph,
      [...leavesOf<Tensor>(first as unknown as Tree<Tensor>).map(({ leaf }) => leaf), mask, r],
      2,
    );
  });

  test("what stands in masked memory, NaN too, changes no output and no gradient, to the last bit", () => {
    const other = memory.toArray() as number[][][];
    lengths.forEach((valid, row) => {
      for (let i = valid; i < 5; i++) other[row][i] = [Number.NaN, Number.POSITIVE_INFINITY, -1e30];
    });
    const [a, b] = [memory, tensor(other)].map((m) => gradients({ params, x, memory: m }, mask, r));
    expect(b.value.item()).toBe(a.value.item());
    const [ga, gb] = [a, b].map(({ grads }) => leavesOf<Tensor>(grads as unknown as Tree<Tensor>));
    ga.forEach(({ leaf, path }, i) => {
      expect([...gb[i].leaf.data()], path).toEqual([...leaf.data()]);
      expect([...leaf.data()].every(Number.isFinite), path).toBe(true);
    });
  });

  test("a memory of length zero is read as zeros, with finite gradients", () => {
    const none = tensor([true, false, true].map((any) => [any, any, any, any, any]));
    const run = (m: Tensor): Tensor[] => {
      const { y, states } = runCell(cell, { params, x, constants: [m], constantMasks: [none] });
      return [y, states.alignments];
    };
    const [y, alignments] = run(memory);
    expect([...slice(alignments, 0, 1, 2).data()].every((v) => v === 0)).toBe(true);
    expect([...y.data()].every(Number.isFinite)).toBe(true);
    const { grads } = gradients({ params, x, memory }, none, r);
    for (const { leaf } of leavesOf<Tensor>(grads as unknown as Tree<Tensor>))
      expect([...leaf.data()].every(Number.isFinite)).toBe(true);
  });

  test("a shorter memory is a masked one", () => {
    const short = slice(slice(memory, 0, 1, 2), 1, 0, 3);
    const row = slice(x, 0, 1, 2);
    const whole = runCell(cell, { params, x, constants: [memory], constantMasks: [mask] });
    const alone = runCell(cell, { params, x: row, constants: [short] });
    expect(distance(alone.y.data(), slice(whole.y, 0, 1, 2).data())).toBeLessThan(1e-6);
  });
});

/** Gradients in the results of a graph against central differences of its first result, both in float64. */
function checkDifferences(graph: Graph, inputs: readonly Tensor[], fixed: number): void {
  const args = inputs.map((one) => Float64Array.from(one.data()));
  expect(args.length).toBe(graph.inputs.length);
  const evaluate = () => interpret(graph, args, {}, { precision: "float64" });
  const [, ...grads] = evaluate();
  const h = 1e-5;
  for (let leaf = 0; leaf < args.length - fixed; leaf++) {
    // Two elements of each are enough to find a wrong rule.
    for (const i of [0, args[leaf].length - 1]) {
      const at = args[leaf][i];
      args[leaf][i] = at + h;
      const above = evaluate()[0][0];
      args[leaf][i] = at - h;
      const below = evaluate()[0][0];
      args[leaf][i] = at;
      const difference = (above - below) / (2 * h);
      const error = Math.abs(grads[leaf][i] - difference) / Math.max(1, Math.abs(difference));
      expect(error, `${graph.inputs[leaf].name}[${i}]`).toBeLessThanOrEqual(1e-6);
    }
  }
}

test.each(monotonicModes)("monotonic weights of mode %s are the process of the paper", (mode) => {
  const p = (random([6, 7], 3, 0.5).toArray() as number[][]).map((row) =>
    row.map((v) => (mode === "hard" ? Number(v > 0) : v + 0.5)),
  );
  const raw = (random([6, 7], 4, 0.5).toArray() as number[][]).map((row) => row.map((v) => v + 0.5));
  const before = raw.map((row, i) =>
    row.map((v, j) => (mode === "hard" ? Number(j === i) : v / row.reduce((a, b) => a + b))),
  );
  const got = monotonicWeights(tensor(p), tensor(before), mode).toArray() as number[][];
  got.forEach((row, i) => {
    expect(distance(row, plainMonotonic(p[i], before[i]))).toBeLessThan(2e-6);
  });
});

test("monotonic attention never moves back, and the noise of training is drawn anew at each step", () => {
  const cell = attentionCell(inner(), luong({ monotonic: "hard" }));
  const { states } = runCell(cell, {
    params: weightsFor(cell),
    x: random([8, 9, 2], 6, 3),
    constants: [random([8, 5, 3], 7, 3)],
  });
  for (const row of states.alignments.toArray() as number[][][]) {
    const places = row.map((step) => (step.every((v) => v === 0) ? 5 : step.indexOf(1)));
    expect(places).toEqual([...places].sort((a, b) => a - b));
  }
  const noisy = attentionCell(inner(), luong({ monotonic: { name: "parallel", sigmoidNoise: 3 } }));
  const params = weightsFor(noisy);
  const x = reshape(random([1, 1, 2], 8), [1, 1, 2]);
  const run = (training: boolean) =>
    runCell(noisy, {
      params: mapTree<Tensor, Tensor>(params, (w) => mul(w, 0)),
      x: add(mul(random([1, 4, 2], 9), 0), x),
      constants: [random([1, 5, 3], 7)],
      training,
      key: 4,
    });
  const [still, moved] = [run(false), run(true)].map(({ states: s }) => s.alignments.toArray() as number[][][]);
  // Without scores every choice is even: the same everywhere but for the noise.
  expect(still[0][0]).toEqual([0.5, 0.25, 0.125, 0.0625, 0.03125]);
  const odds = moved[0].map((step) => step[0]);
  expect(new Set(odds.map((v, i) => (i === 0 ? v : v / odds[i - 1]))).size).toBe(4);
});

describe("in a model", () => {
  const source = input({ shape: ["s", 3], name: "source" });
  const count = input({ shape: [], dtype: "int32", name: "count" });
  const memory = call(
    rnn(lstmCell({ units: 3 }), { returnSequences: true, name: "encoder" }),
    withLengths(source, count),
  );
  const x = input({ shape: [null, 2], name: "x" });
  const layer = rnn(
    [attentionCell(lstmCell({ units: 4 }), bahdanau({ units: 5 }), { attentionLayerSize: 6 }), lstmCell({ units: 2 })],
    {
      returnSequences: true,
      name: "decoder",
    },
  );
  const y = call(layer, x, { constants: memory });
  const states = y.states as unknown as { 0: { alignments: never } };
  const whole = model({ inputs: [source, count, x], outputs: [y, states[0].alignments, memory] });
  const given = { source: random([2, 5, 3], 1), count: ints([5, 2]), x: random([2, 4, 2], 2) };

  test("alignments of every step come back, through outputs and through states: true", () => {
    const { outputs, states: all, state } = whole.run(given, { states: true });
    const [, alignments] = outputs;
    expect(alignments.shape).toEqual([2, 4, 5]);
    const { decoder } = all as unknown as { decoder: { 0: { alignments: Tensor } } };
    expect([...decoder[0].alignments.data()]).toEqual([...alignments.data()]);
    const last = (state as unknown as { decoder: { 0: { alignments: Tensor } } }).decoder[0].alignments;
    expect(last.toArray()).toEqual((alignments.toArray() as number[][][]).map((row) => row[3]));
    for (const row of alignments.toArray() as number[][][])
      for (const step of row) expect(step.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
    for (const step of (alignments.toArray() as number[][][])[1]) expect(step.slice(2)).toEqual([0, 0, 0]);
  });

  test("the definition makes the same model again, and weights have their paths", () => {
    const definition = JSON.parse(JSON.stringify(whole.definition()));
    const again = modelFromDefinition<readonly Tensor[]>(definition);
    expect(again.definition()).toEqual(whole.definition());
    again.setWeights(whole.weights());
    expect([...again.run(given).outputs[0].data()]).toEqual([...whole.run(given).outputs[0].data()]);
    expect(Object.keys(whole.weights()).filter((path) => path.startsWith("decoder.cells.0"))).toEqual([
      "decoder.cells.0.cell.kernel",
      "decoder.cells.0.cell.recurrentKernel",
      "decoder.cells.0.cell.bias",
      "decoder.cells.0.mechanism.memoryKernel",
      "decoder.cells.0.mechanism.queryKernel",
      "decoder.cells.0.mechanism.scoreVector",
      "decoder.cells.0.attentionKernel",
    ]);
  });

  test("a call without a memory, or with one of no fixed width, is refused", () => {
    const attending = rnn(attentionCell(lstmCell({ units: 4 }), luong()));
    expect(() => call(attending, x)).toThrow("expected a memory to attend to");
    expect(() => call(attending, x, { constants: input({ shape: [7] }) })).toThrow("[batch, entries, features]");
    expect(() =>
      call(rnn(attentionCell(lstmCell({ units: 4 }), luong({ units: 5 }))), x, { constants: memory }),
    ).toThrow("the width of the query, which is the output of the cell and 4, got 5");
    expect(() => attentionCell(lstmCell({ units: 4 }), { kind: "dot", options: {} })).toThrow(
      "expected an attention mechanism",
    );
    expect(() => bahdanau({ units: 4, monotonic: "soft" as never })).toThrow("an alignment mode");
    expect(() => attentionCell(lstmCell({ units: 4 }), luong(), { attentionSize: 3 } as never)).toThrow(
      'got "attentionSize"',
    );
  });
});

test("several mechanisms read a memory each, one beside the other; without feeding they are the single ones", () => {
  const list = [bahdanau({ units: 4, normalize: true }), luong({ monotonic: "recursive" })];
  const options = { inputFeeding: false, attentionLayerSize: 2 };
  const both = attentionCell(inner(), list, options);
  const shapes = [
    [5, 3],
    [4, 6],
  ];
  let seed = 90;
  const params = mapTree(both.params([[2]], shapes), ({ shape }: { shape: readonly number[] }) =>
    random(shape, seed++),
  ) as { readonly [name: string]: Tree<Tensor> };
  const memories = [random([3, 5, 3], 1), random([3, 4, 6], 2)];
  const masks = [mask, undefined];
  const x = random([3, 4, 2], 3);
  const got = runCell(both, { params, x, constants: memories, constantMasks: masks });
  expect(both.output([[2]], shapes)).toEqual([4]);
  list.forEach((mechanism, i) => {
    const alone = runCell(attentionCell(inner(), mechanism, options), {
      params: { cell: params.cell, ...(params[i] as object) } as Tree<Tensor>,
      x,
      constants: [memories[i]],
      constantMasks: [masks[i]],
    });
    expect(distance(slice(got.y, 2, 2 * i, 2 * i + 2).data(), alone.y.data())).toBeLessThan(1e-6);
    const [a, b] = [got, alone].map(({ states }) => states.alignments);
    expect(distance((a as unknown as readonly Tensor[])[i].data(), b.data())).toBeLessThan(1e-6);
  });
  const fed = attentionCell(lstmCell({ units: 3 }), list);
  const two = [input({ shape: ["m", 3], name: "m" }), input({ shape: ["n", 6], name: "n" })];
  const steps = input({ shape: [null, 2], name: "x" });
  const made = model({
    inputs: [steps, ...two],
    outputs: call(rnn(fed, { returnSequences: true }), steps, { constants: two }),
  });
  const again = modelFromDefinition<Tensor>(JSON.parse(JSON.stringify(made.definition())));
  again.setWeights(made.weights());
  const given = [x, ...memories];
  expect([...again.run(given).outputs.data()]).toEqual([...made.run(given).outputs.data()]);
  expect(() => call(rnn(fed), steps, { constants: two[0] })).toThrow("for each mechanism");
  expect(() => attentionCell(inner(), [])).toThrow("expected an attention mechanism or several");
});

test("the projection of the memory is done once, before the loop over time", () => {
  const cell = attentionCell(lstmCell({ units: 4 }), bahdanau({ units: 7 }));
  const params = weightsFor(cell);
  const run = compile(
    (p: Tree<Tensor>, x: Tensor, m: Tensor, valid: Tensor) =>
      runCell(cell, { params: p, x, constants: [m], constantMasks: [valid] }).y,
  );
  const { optimised } = run.inspect(params, random([3, 6, 2], 1), random([3, 5, 3], 2), mask);
  const [{ params: loop }] = optimised.nodes.filter(({ op }) => op === "scan");
  const { body } = loop as { body: Graph };
  const inside = body.nodes.filter(({ op }) => op === "matmul").map(({ outs }) => outs[0].shape.at(-1));
  const before = optimised.nodes.filter(({ op }) => op === "matmul").map(({ outs }) => outs[0].shape.at(-1));
  expect(before).toContain(7);
  // Inside: the recurrent product [b,16], the query [b,7] and what is read [b,1,3].
  expect(inside.length).toBeLessThanOrEqual(4);
  expect(
    body.nodes.some(({ op, ins }) => op === "matmul" && ins.some(({ shape }) => shape.length === 2 && shape[0] === 15)),
  ).toBe(false);
});

test.each([1, 3])("the wrapper over its own last %i outputs is TensorFlow's, written out", (attnLength) => {
  const cell = attentionCellWrapper(lstmCell({ units: 3 }), { attnLength, attnSize: 4, attnVecSize: 5, inputSize: 6 });
  let seed = 200;
  const params = mapTree(cell.params([[2]]), ({ shape }: { shape: readonly number[] }) =>
    random(shape, seed++, 0.8),
  ) as Tree<Tensor>;
  const x = random([2, 6, 2], 1, 2);
  const { y, state } = runCell(cell, { params, x });
  const w = byPath(params) as { [path: string]: number[][] } & { [path: string]: number[] };
  const last = mapTree<Tensor, unknown>(state, (leaf) => leaf.toArray()) as {
    attention: number[][];
    outputs: number[][][];
  };
  [0, 1].forEach((row) => {
    let [h, c, attention] = [
      [0, 0, 0],
      [0, 0, 0],
      [0, 0, 0, 0],
    ];
    let outputs = Array.from({ length: attnLength }, () => [0, 0, 0, 0]);
    (x.toArray() as number[][][])[row].forEach((now, t) => {
      const seen = plus(times([...now, ...attention], w.inputKernel), w.inputBias);
      const gates = plus(times(seen, w["cell.kernel"]), times(h, w["cell.recurrentKernel"]), w["cell.bias"]);
      const gate = (i: number, f: (v: number) => number): number[] => gates.slice(3 * i, 3 * i + 3).map(f);
      const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v));
      const [i, f, g, o] = [gate(0, sigmoid), gate(1, sigmoid), gate(2, Math.tanh), gate(3, sigmoid)];
      c = c.map((v, j) => f[j] * v + i[j] * g[j]);
      h = c.map((v, j) => o[j] * Math.tanh(v));
      const shift = plus(times([...h, ...c], w.stateKernel), w.stateBias);
      const e = outputs.map((one) =>
        Math.exp(dot(w.scoreVector as never, plus(times(one, w.outputsKernel), shift).map(Math.tanh))),
      );
      const total = e.reduce((a, b) => a + b);
      attention = times(
        e.map((v) => v / total),
        outputs,
      );
      const out = plus(times([...h, ...attention], w.outputKernel), w.outputBias);
      outputs = [...outputs.slice(1), out];
      expect(distance((y.toArray() as number[][][])[row][t], out)).toBeLessThan(1e-5);
    });
    expect(distance(last.attention[row], attention)).toBeLessThan(1e-5);
    expect(distance(last.outputs[row].flat(), outputs.flat())).toBeLessThan(1e-5);
  });
});

test("the wrapper over its own outputs is stored and made again, and stacks", () => {
  const x = input({ shape: [null, 2] });
  const cell = stackCells([
    attentionCellWrapper(lstmCell({ units: 3 }), { attnLength: 2 }),
    simpleRNNCell({ units: 2 }),
  ]);
  const first = model({ inputs: x, outputs: call(rnn(cell, { returnSequences: true }), x) });
  const again = modelFromDefinition<Tensor>(JSON.parse(JSON.stringify(first.definition())));
  again.setWeights(first.weights());
  const given = random([2, 4, 2], 3);
  expect([...again.run(given).outputs.data()]).toEqual([...first.run(given).outputs.data()]);
  const { state } = first.run(slice(given, 1, 0, 3));
  const step = first.step(reshape(slice(given, 1, 3), [2, 2]), { state });
  expect(distance(step.outputs.data(), reshape(slice(first.run(given).outputs, 1, 3), [2, 2]).data())).toBeLessThan(
    1e-6,
  );
});

test("options about weights reach the weights, and those of an attention layer that is not there are refused", () => {
  const mechanism = bahdanau({ units: 4, kernelRegularizer: { name: "l2", l2: 0.1 }, scoreInitializer: "ones" });
  const cell = attentionCell(inner(), mechanism, { attentionLayerSize: 2, kernelConstraint: "nonNeg" });
  const specs = new Map(leavesOf<ParamSpec>(cell.params([[2]], [[5, 3]])).map(({ path, leaf }) => [path, leaf]));
  const withPenalty = [...specs].filter(([, { regularizer }]) => regularizer !== undefined).map(([path]) => path);
  expect(withPenalty).toEqual(["mechanism.memoryKernel", "mechanism.queryKernel"]);
  expect(specs.get("mechanism.scoreVector")?.initializer).toBe("ones");
  expect(specs.get("attentionKernel")?.constraint).toBeDefined();
  expect(() => attentionCell(inner(), luong(), { kernelInitializer: "ones" })).toThrow("attentionLayerSize: null");
});

test("the summary counts a state that is as long as its memory by the memory's size", () => {
  const memory = input({ shape: ["m", 2], name: "memory" });
  const x = input({ shape: [null, 3], name: "x" });
  const y = call(rnn(attentionCell(simpleRNNCell({ units: 3 }), luong())), x, { constants: memory });
  const summary = model({ inputs: [memory, x], outputs: y }).summary();
  expect(summary).toContain("alignments [b, m]");
  // h [3], what was read [2], alignments [m].
  expect(summary).toMatch(/m \+ 5 numbers of state a row/);
});
