/**
 * What Recurve writes for PyTorch: files and the numbers that its models compute, the same bytes at every run.
 * `fixtures/torch/verify.py` opens each in PyTorch and compares.
 */
import type { HostTensors } from "../../../src/io/hostTensor.ts";
import { encodeNpz } from "../../../src/io/node/npz.ts";
import { encodeSafetensors } from "../../../src/io/safetensors.ts";
import { encodeTorch } from "../../../src/io/torch/encode.ts";
import { exportStateDict } from "../../../src/io/torch/stateDict.ts";
import {
  batchNormalization,
  bidirectional,
  dense,
  embedding,
  gru,
  type Layer,
  layerNormalization,
  lstm,
  type Model,
  sequential,
  simpleRNN,
} from "../../../src/nn/index.ts";
import { concrete, type Tensor } from "../../../src/trace/index.ts";
import { drawFrom } from "../../fuzz/graphs.ts";
import type { WrittenFile } from "../verified.ts";

const sequences = { returnSequences: true };

/** By the name that verify.py knows the module by. */
const models: Readonly<
  Record<string, { layers: readonly Layer[]; words?: boolean; modules?: Record<string, string> }>
> = {
  lstm: { layers: [lstm({ units: 4, ...sequences, name: "rnn" })] },
  "lstm-two-layers": {
    layers: [lstm({ units: 4, ...sequences, name: "lower" }), lstm({ units: 4, ...sequences, name: "upper" })],
    modules: { lower: "rnn", upper: "rnn" },
  },
  "lstm-bidirectional": { layers: [bidirectional(lstm({ units: 4, ...sequences }), { name: "rnn" })] },
  "lstm-projection": { layers: [lstm({ units: 5, projectionUnits: 2, ...sequences, name: "rnn" })] },
  gru: { layers: [gru({ units: 4, ...sequences, name: "rnn" })] },
  rnn: { layers: [simpleRNN({ units: 5, ...sequences, name: "rnn" })] },
  words: {
    words: true,
    layers: [
      embedding({ inputDim: 9, outputDim: 4, name: "embedding" }),
      gru({ units: 5, ...sequences, name: "rnn" }),
      layerNormalization({ epsilon: 1e-5, name: "ln" }),
      batchNormalization({ epsilon: 1e-5, name: "bn" }),
      dense({ units: 3, name: "fc" }),
    ],
  },
};

/** Every file, as `.pt` and as `.safetensors`. */
export function written(): WrittenFile[] {
  return Object.entries(models).flatMap(([name, { layers, words = false, modules }]) => {
    const input = words ? ({ shape: [null], dtype: "int32" } as const) : { shape: [null, 3] };
    const model = sequential(layers, { input });
    randomise(model);
    const x = words ? tensorOf([2, 6], 17, "int32") : tensorOf([2, 6, 3], 17, "float32");
    const { outputs } = model.run(x);
    const arrays: HostTensors = {
      "in.x": { dtype: x.dtype, shape: x.shape as number[], data: x.data() },
      "out.y": { dtype: "float32", shape: outputs.shape as number[], data: outputs.data() },
    };
    const weights = exportStateDict(model, { layers: modules });
    const npz = encodeNpz(arrays);
    return [
      { name: `${name}.pt`, bytes: encodeTorch(weights), npz },
      { name: `${name}.safetensors`, bytes: encodeSafetensors(weights), npz },
    ];
  });
}

/** Random and distinct weights; running variances above zero. */
function randomise(model: Model): void {
  const drawn = Object.entries(model.weights()).map(([path, { shape }], i): [string, Tensor] => {
    const x = tensorOf(shape as number[], i + 1, "float32");
    return [
      path,
      path.endsWith("movingVariance")
        ? concrete(
            x,
            x.data().map((value) => value + 1.5),
          )
        : x,
    ];
  });
  model.setWeights(Object.fromEntries(drawn));
}

function tensorOf(shape: readonly number[], seed: number, dtype: "float32" | "int32"): Tensor {
  const random = drawFrom(seed);
  const count = shape.reduce((a, b) => a * b, 1);
  const data = Array.from({ length: count }, () => (dtype === "int32" ? Math.floor(random() * 9) : random() * 2 - 1));
  return concrete({ dtype, shape }, dtype === "int32" ? Int32Array.from(data) : Float32Array.from(data));
}
