/**
 * Models as ONNX files, with inputs and what Recurve makes of them: for ONNX Runtime to check
 * (`test/io/fixtures/onnx-written/verify.py`). The bytes are the same on every machine, so that recorded results belong to them.
 */
import { leavesOf, mapTree } from "../../../../src/base/trees.ts";
import { hostTensors } from "../../../../src/io/modelFile.ts";
import { encodeNpz } from "../../../../src/io/node/npz.ts";
import { encodeOnnx, type OnnxOptions } from "../../../../src/io/onnx/export/encode.ts";
import type { Model, State } from "../../../../src/nn/index.ts";
import { hash, startsFromZeros } from "../../../../src/nn/network/forward.ts";
import { concrete, type Tensor } from "../../../../src/trace/index.ts";
import { cases } from "./cases.ts";
import { type Draw, drawing, fill } from "./draw.ts";

/** A model to be written. */
export interface Case {
  readonly name: string;
  readonly model: () => Model;
  readonly options?: OnnxOptions;
  /** What it is given, by name. */
  readonly inputs: (draw: Draw) => Readonly<Record<string, Tensor>>;
}

export interface Written {
  readonly name: string;
  readonly model: Model;
  readonly options: OnnxOptions;
  readonly bytes: Uint8Array;
  /** `in.<input>` and `out.<output>` for every input and output of the file, states too. */
  readonly arrays: Readonly<Record<string, Tensor>>;
  readonly npz: Uint8Array;
}

/** All of them. */
export function written(): Written[] {
  return cases.map(write);
}

/** One of them. */
export function write({ name, model: make, options = {}, inputs }: Case): Written {
  const draw = drawing(hash(name));
  const model = make();
  fill(model, draw);
  const given = inputs(draw);
  const { feeds, outputs } = run(model, { options, given, draw });
  const arrays = { ...prefixed("in.", { ...given, ...feeds }), ...prefixed("out.", outputs) };
  return { name, model, options, bytes: encodeOnnx(model, options), arrays, npz: encodeNpz(hostTensors(arrays)) };
}

interface Run {
  readonly options: OnnxOptions;
  readonly given: Readonly<Record<string, Tensor>>;
  readonly draw: Draw;
}

/** What the model makes of it: outputs, and states where the file has them. */
function run(model: Model, { options, given, draw }: Run) {
  const call = (state?: State) => (options.step === true ? model.step(given, { state }) : model.run(given, { state }));
  if (options.state === false) return { feeds: {}, outputs: named(model, call(), false) };
  const rows = Object.values(given)[0].shape[0] as number;
  const plain = call();
  const state = mapTree<Tensor, Tensor>(plain.state, ({ shape, dtype }) =>
    dtype === "float32" ? draw(shape as readonly number[]) : concrete({ dtype, shape }, new Int32Array(rows).fill(1)),
  ) as State;
  const feeds = byName(state, "state");
  const outputs = named(model, call(state), true);
  if (startsFromZeros(model.network)) return { feeds, outputs };
  const fresh = concrete(
    { dtype: "bool", shape: [rows] },
    Int32Array.from({ length: rows }, (_, i) => i % 2),
  );
  const own = named(model, call(), true);
  const mixed = Object.entries(outputs).map(([name, x]) => [name, chosen(fresh, own[name], x)]);
  return { feeds: { ...feeds, fresh }, outputs: Object.fromEntries(mixed) as Record<string, Tensor> };
}

function named(
  model: Model,
  { outputs, state }: ReturnType<Model["run"]>,
  wantsState: boolean,
): Record<string, Tensor> {
  const all = Array.isArray(outputs) ? (outputs as readonly Tensor[]) : [outputs as Tensor];
  const next = wantsState ? byName(state, "next") : {};
  const isNext = (name: string): boolean => name.replace(".state.", ".next.") in next;
  const own = model.outputs.flatMap(({ name }, i) => (isNext(name) ? [] : [[name, all[i]] as const]));
  return { ...Object.fromEntries(own), ...next };
}

function byName(state: State, what: "state" | "next"): Record<string, Tensor> {
  const parts = Object.entries(state).flatMap(([layer, tree]) =>
    leavesOf<Tensor>(tree).map(({ path, leaf }) => [`${layer}.${what}.${path}`, leaf]),
  );
  return Object.fromEntries(parts) as Record<string, Tensor>;
}

/** The rows of a where they start anew, else those of b. */
function chosen(fresh: Tensor, a: Tensor, b: Tensor): Tensor {
  const width = b.data().length / fresh.data().length;
  return concrete(b, b.data().map((x, i) => (fresh.data()[Math.floor(i / width)] ? a.data()[i] : x)) as Float32Array);
}

function prefixed(prefix: string, tensors: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(tensors).map(([name, x]) => [prefix + name, x]));
}
