/**
 * All that can be seen of a layer from outside, as one string: shapes and first values of weights, outputs with and
 * without a mask, in training and not, gradients, states, steps. Two option sets that give one string can not be told
 * apart by any user. Not here: which layers and options there are (`subjects.ts`).
 */
import { leavesOf, type Tree } from "../../src/base/trees.ts";
import type { Graph } from "../../src/graph/graph.ts";
import {
  call,
  context,
  type InputOptions,
  input,
  type Layer,
  type Model,
  model,
  type SymbolicTensor,
  withMask,
} from "../../src/nn/index.ts";
import { stepForward } from "../../src/nn/network/forward.ts";
import {
  add,
  cast,
  compile,
  greater,
  mul,
  normal,
  randomKey,
  square,
  sum,
  type Tensor,
  tensor,
  valueAndGrad,
} from "../../src/trace/index.ts";

/** How a layer is fed. */
export interface Feeding {
  readonly inputs: readonly InputOptions[];
  /** Whether the first axis after the batch is time, so that a mask can be put over it. */
  readonly hasTime: boolean;
  /** Whole numbers, for inputs of dtype int32. */
  readonly below?: number;
  readonly constants?: readonly InputOptions[];
}

const rows = 3;
const steps = 4;

/** What can be seen of a layer that `make` makes, with weights of a seed. Raises what making or calling it raises. */
export function observe(make: () => Layer, feeding: Feeding, seed: number): string {
  const seen: unknown[] = [];
  const plain = modelOf(make(), feeding, false);
  const specs = plain.layers.flatMap(({ params }) => leavesOf(params));
  seen.push(specs.map(({ path, leaf }) => [path, leaf.shape, leaf.trainable, leaf.gates, describe(leaf)]));
  seen.push(Object.entries(plain.weights()).map(([path, value]) => [path, digits(value)]));
  seen.push(plain.outputs.map(({ shape }) => shape.map(String)));
  scatter(plain, seed);
  // With a mask wherever there can be one: its rows have steps that count, too.
  const run = feeding.hasTime ? modelOf(make(), feeding, true) : plain;
  scatter(run, seed);
  seen.push(runs(run, feeding, feeding.hasTime));
  seen.push(stepped(plain, feeding));
  return JSON.stringify(seen);
}

function describe(spec: object): unknown {
  const { regularizer, constraint } = spec as { regularizer?: unknown; constraint?: unknown };
  return [regularizer ?? null, constraint ?? null];
}

function modelOf(layer: Layer, { inputs, constants = [] }: Feeding, masked: boolean): Model<Tensor> {
  const drawn = inputs.map((one, i) => input({ ...one, name: `x${i}` }));
  const memory = constants.map((one, i) => input({ ...one, name: `memory${i}` }));
  const mask = input({ shape: [null], dtype: "bool", name: "mask" });
  const fed = masked ? drawn.map((x) => withMask(x, mask)) : drawn;
  const outputs = call(layer, fed as readonly SymbolicTensor[], memory.length === 0 ? {} : { constants: memory });
  return model({ inputs: [...drawn, ...memory, ...(masked ? [mask] : [])], outputs, seed: 5 });
}

function data(spec: InputOptions, seed: number, below: number, step = false): Tensor {
  const time = spec.shape.length > 1 || typeof spec.shape[0] !== "number";
  const sizes = spec.shape.map((size, axis) => (typeof size === "number" ? size : axis === 0 ? steps : 5));
  const shape = [rows, ...(step && time ? sizes.slice(1) : sizes)];
  const noise = normal(randomKey(seed), shape);
  if (spec.dtype === "bool") return greater(noise, 0);
  if (spec.dtype !== "int32")
    return tensor(
      Float32Array.from(noise.data(), (x) => Math.round(4 * x) / 4),
      { shape },
    );
  return tensor(
    Int32Array.from(noise.data(), (x) => Math.floor(Math.abs(x) * 100) % below),
    { shape },
  );
}

const holes = tensor([
  [false, true, true, false],
  [true, false, true, true],
  [false, false, false, false],
]);

/** Weights at random, so that nothing hides behind a first value such as zero. */
function scatter(net: Model<Tensor>, seed: number): void {
  const drawn = Object.entries(net.weights()).map(([path, { shape }], i): [string, Tensor] => {
    // Smaller from seed to seed: large weights may saturate what a clip or an activation lets through.
    const noise = normal(randomKey(50 + 100 * seed + i), shape, { mean: 0.1, stddev: 0.6 / (1 + 2 * seed) });
    return [path, /variance|period/i.test(path) ? add(square(noise), 0.5) : noise];
  });
  net.setWeights(Object.fromEntries(drawn));
}

type Weights = ReturnType<Model["params"]>;

/** Outputs, states and gradients, while training and not. */
function runs(net: Model<Tensor>, { inputs, constants = [], below = 1 }: Feeding, masked: boolean): unknown {
  const xs = [...inputs, ...constants].map((spec, i) => data(spec, 10 + i, below));
  const given = masked ? [...xs, holes] : xs;
  const floats = given.filter(({ dtype }) => dtype === "float32");
  const loss = (params: Weights, moving: readonly Tensor[], training: boolean) => {
    let next = 0;
    const fed = given.map((x) => (x.dtype === "float32" ? moving[next++] : x));
    const how = context({ training, key: randomKey(4) });
    const forwarded = net.forward({ params, inputs: fed, context: how, wantsStates: true });
    const value = sum(square(add(forwarded.outputs[0], 0.3)));
    const states = leavesOf<Tensor>(forwarded.state as Tree<Tensor>).map(({ leaf }) =>
      sum(mul(cast(leaf, "float32"), 0.7)),
    );
    const all = [value, ...states, ...(forwarded.penalty === undefined ? [] : [forwarded.penalty])];
    return { value: all.reduce((a, b) => add(a, b)), aux: forwarded as unknown as Tree<Tensor> };
  };
  const program = compile(
    () => {
      const both = { params: net.params(), floats };
      return [false, true].map((training) => {
        const run = (at: typeof both) => loss(at.params, at.floats, training);
        const { grads, aux } = valueAndGrad(run, { aux: true })(both);
        return { grads: grads as Tree<Tensor>, aux };
      }) as Tree<Tensor>;
    },
    { backend: "interpreter" },
  );
  const values = leavesOf<Tensor>(program()).map(({ path, leaf }) => [path, leaf.shape, digits(leaf)]);
  return [values, segmentsIn(program.inspect().graph)];
}

/** How many segments each loop with checkpoints has: what its gradient saves can be seen in memory alone. */
function segmentsIn({ nodes }: Graph): unknown[] {
  return nodes.flatMap((node) => (node.op === "scan" && node.params.segments === true ? [node.params.length] : []));
}

/** One step, or why there is none. */
function stepped(net: Model<Tensor>, { inputs, constants = [], below = 1 }: Feeding): unknown {
  const refused = net.layers.map(({ layer }) => ("refused" in layer.stepping ? layer.stepping.refused : "")).join("");
  if (refused !== "") return refused;
  const xs = [...inputs, ...constants].map((spec, i) => data(spec, 20 + i, below, i < inputs.length));
  const program = compile(
    () => {
      const { outputs, state } = stepForward(net.network, { params: net.params(), inputs: xs, context: context() });
      return { outputs, state } as unknown as Tree<Tensor>;
    },
    { backend: "interpreter" },
  );
  return leavesOf<Tensor>(program()).map(({ path, leaf }) => [path, leaf.shape, digits(leaf)]);
}

function digits(x: Tensor): readonly string[] {
  return Array.from(x.data(), (value) => Number(value).toPrecision(4));
}
