/** Models of state dicts that PyTorch saved compute what the modules compute: outputs, final states and gradients. */
import { describe, expect, test } from "vitest";
import { leavesByPath, type Tree } from "../../../src/base/trees.ts";
import type { HostTensor, HostTensors } from "../../../src/io/hostTensor.ts";
import { modelFromStateDict, type StateDictModelOptions } from "../../../src/io/torch/infer.ts";
import { type ExportStateDictOptions, exportStateDict } from "../../../src/io/torch/stateDict.ts";
import { context, type Model, modelFromDefinition } from "../../../src/nn/index.ts";
import { grad, mul, sum, type Tensor } from "../../../src/trace/index.ts";
import { expectClose, tensorOf } from "../closeness.ts";
import { initialState, readCase, statesOf } from "./cases.ts";

const cases: Readonly<Record<string, StateDictModelOptions>> = {
  "lstm.pt": {},
  "lstm-initial.safetensors": {},
  "lstm-two-bidirectional.pt": {},
  "lstm-projection.safetensors": {},
  "lstm-projection-bidirectional.pt": {},
  "lstm-no-bias.pt": {},
  "gru.safetensors": {},
  "gru-initial.pt": {},
  "gru-bidirectional.pt": {},
  "gru-no-bias.safetensors": {},
  "rnn.pt": {},
  "rnn-relu.safetensors": { nonlinearity: "relu" },
  "lstm-cell.pt": {},
  "gru-cell.safetensors": {},
  "rnn-cell.pt": {},
  "language-model.safetensors": {},
  "classifier.pt": { output: "last" },
  "legacy.pt": {},
  "convolution.pt": {},
  "half.pt": {},
};

describe.each(Object.entries(cases))("%s", (file, options) => {
  test("outputs and final states are PyTorch's", async () => {
    const { weights, numbers } = await readCase(file);
    const { model } = modelFromStateDict(weights, { ...options, where: file });
    const { outputs, state } = model.run(tensorOf(numbers["in.x"]), initialState(model, numbers));
    expect(outputs.shape).toEqual(numbers["out.y"].shape);
    expectClose(outputs.data(), numbers["out.y"].data, "outputs");
    for (const part of ["h", "c"] as const) {
      const expected = numbers[`state.${part}`];
      if (expected !== undefined) expectClose(statesOf(state, part), expected.data, `state ${part}`);
    }
  });

  test("the gradient of every weight is PyTorch's", async () => {
    const { weights, numbers } = await readCase(file);
    const { model, layers, cells } = modelFromStateDict(weights, { ...options, where: file });
    const expected = Object.keys(numbers).filter((name) => name.startsWith("grad."));
    // What was saved in half precision was not trained so.
    if (expected.length === 0) return;
    const got = gradients(model, numbers, { layers, cells });
    for (const name of expected) {
      // Two biases that are one sum have one gradient.
      const own = name.slice("grad.".length);
      const isSecond = /bias_hh/.test(own) && layersHaveOneBias(model);
      const source = isSecond ? own.replace("bias_hh", "bias_ih") : own;
      expectClose(got[source].data, numbers[name].data, own);
    }
  });

  test("the exported state dict has the names and shapes of the file, and the same sums of biases", async () => {
    const { weights } = await readCase(file);
    const { model, layers, cells } = modelFromStateDict(weights, { ...options, where: file });
    const exported = exportStateDict(model, { layers, cells });
    expect(Object.keys(exported).sort()).toEqual(Object.keys(weights).sort());
    for (const [name, { shape, data }] of Object.entries(weights)) {
      expect(exported[name].shape, name).toEqual(shape);
      if (!/bias_[ih]h/.test(name)) expect(exported[name].data, name).toEqual(data);
      else expectClose(sums(exported, name), sums(weights, name), name);
    }
  });
});

/** Gradients of sum(outputs * r) by the names of the state dict: they are arranged as the weights are. */
function gradients(model: Model<Tensor>, numbers: Record<string, HostTensor>, how: ExportStateDictOptions) {
  const x = tensorOf(numbers["in.x"]);
  const r = tensorOf(numbers["r.y"]);
  const initial = initialState(model, numbers);
  const loss = (params: ReturnType<typeof model.params>): Tensor => {
    const { outputs } = model.forward({ params, inputs: [x], context: context({ training: false }), ...initial });
    return sum(mul(outputs[0], r));
  };
  const grads = leavesByPath<Tensor>(grad(loss)(model.params()) as Tree<Tensor>);
  const copy = modelFromDefinition(model.definition());
  copy.setWeights(Object.fromEntries(grads));
  return exportStateDict(copy, how);
}

function layersHaveOneBias(model: Model): boolean {
  return !JSON.stringify(model.definition().layers).includes('"resetAfter":true');
}

/** bias_ih + bias_hh of the tensor's cell, or the GRU's own. */
function sums(tensors: HostTensors, name: string): number[] {
  const other = tensors[name.includes("_ih") ? name.replace("_ih", "_hh") : name.replace("_hh", "_ih")];
  return Array.from(tensors[name].data, (x, i) => x + other.data[i]);
}
