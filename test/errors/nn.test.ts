/** Every sentence that the layers can answer with. The class is named first. */
import { expect, test } from "vitest";
import {
  activation,
  call,
  context,
  defineCell,
  dense,
  dropout,
  embedding,
  gru,
  gruCell,
  input,
  lstm,
  type Model,
  model,
  modelFromDefinition,
  rnn,
  sequential,
  simpleRNN,
  stackCells,
} from "../../src/nn/index.ts";
import { compile, type Tensor, tensor, zeros } from "../../src/trace/index.ts";
import { mgu } from "../cells/cells.ts";

function say(fn: () => unknown): string {
  try {
    fn();
  } catch (error) {
    const { name, message } = error as Error;
    return `${name}: ${message}`;
  }
  return "no error";
}

const encoder = (): Model<Tensor> =>
  sequential([gru({ units: 4, name: "encoder" }), dense({ units: 2 })], {
    input: { shape: [null, 3], name: "x" },
    name: "net",
  });

test("options of layers and cells", () => {
  expect(say(() => lstm({ units: 4, recurentActivation: "sigmoid" } as never))).toMatchInlineSnapshot(
    `"OptionError: lstm: expected the option to be one of units, activation, recurrentActivation, useBias, unitForgetBias, kernelInitializer, recurrentInitializer, biasInitializer, returnSequences, goBackwards, got "recurentActivation". Did you mean "recurrentActivation"?"`,
  );
  expect(say(() => gru({} as never))).toMatchInlineSnapshot(
    `"OptionError: gru: expected the option "units" to be given, a positive whole number, got nothing. Add { units: ... }."`,
  );
  expect(say(() => gru({ units: 2.5, name: "encoder" }))).toMatchInlineSnapshot(
    `"OptionError: gru "encoder": expected the option "units" to be a positive whole number, got 2.5. Change units to one."`,
  );
  expect(say(() => gruCell({ units: 2, resetAfter: "yes" as never }))).toMatchInlineSnapshot(
    `"OptionError: gruCell: expected the option "resetAfter" to be true or false, got "yes". Change resetAfter to one."`,
  );
  expect(say(() => dense({ units: 2, activation: "rellu" as never }))).toMatchInlineSnapshot(
    `"OptionError: dense: expected the option "activation" to be an activation: linear, tanh, relu, sigmoid, softmax, softplus, softsign, elu, selu, gelu, silu, swish, hardSigmoid, leakyRelu, exponential (the nearest is "relu"), got "rellu". Change activation to one."`,
  );
  expect(say(() => activation((() => 1) as never))).toMatchInlineSnapshot(
    `"OptionError: activation: expected the option "activation" to be the name of an activation (linear, tanh, relu, sigmoid, softmax, softplus, softsign, elu, selu, gelu, silu, swish, hardSigmoid, leakyRelu, exponential) or { name, ...options }, got a function. Change activation to one."`,
  );
  expect(say(() => activation({ name: "leakyRelu", alpha: 0.1 } as never))).toMatchInlineSnapshot(
    `"OptionError: activation: expected the option "activation" to be "leakyRelu" with the options negativeSlope and not "alpha", got {"name":"leakyRelu","alpha":0.1}. Change activation to one."`,
  );
  expect(say(() => dropout({ rate: 1 }))).toMatchInlineSnapshot(
    `"OptionError: dropout: expected the option "rate" to be a number of at least 0 and below 1, got 1. Change rate to one."`,
  );
  expect(say(() => rnn(gruCell({ units: 2 }), { stateful: true } as never))).toMatchInlineSnapshot(
    `"OptionError: rnn: expected the option to be one of returnSequences, goBackwards, got "stateful". Choose one of these."`,
  );
  expect(say(() => stackCells([]))).toMatchInlineSnapshot(
    `"OptionError: stack: expected one cell or more, got none. Give it cells, bottom first."`,
  );
  expect(say(() => encoder().run(zeros([1, 2, 3]), { initialState: {} } as never))).toMatchInlineSnapshot(
    `"OptionError: model "net", run: expected the option to be one of state, training, key, got "initialState". Choose one of these."`,
  );
});

test("initialisers", () => {
  expect(say(() => dense({ units: 2, kernelInitializer: "glorot" as never }))).toMatchInlineSnapshot(
    `"OptionError: dense: expected the option "kernelInitializer" to be an initialiser: zeros, ones, constant, identity, orthogonal, randomUniform, randomNormal, truncatedNormal, varianceScaling, glorotUniform, glorotNormal, heUniform, heNormal, lecunUniform, lecunNormal (the nearest is "glorotUniform"), got "glorot". Change kernelInitializer to one."`,
  );
  expect(say(() => lstm({ units: 2, biasInitializer: { forgot: "ones", rest: "zeros" } }))).toMatchInlineSnapshot(
    `"OptionError: lstm: expected the option "biasInitializer" to be an initialiser for each of the gates input, forget, cell, output (or "rest"), not "forgot", got {"forgot":"ones","rest":"zeros"}. Change biasInitializer to one."`,
  );
  expect(say(() => lstm({ units: 2, biasInitializer: { forget: "ones" } }))).toMatchInlineSnapshot(
    `"OptionError: lstm: expected the option "biasInitializer" to be an initialiser for each gate: "input" is missing and there is no "rest", got {"forget":"ones"}. Change biasInitializer to one."`,
  );
  expect(
    say(() => simpleRNN({ units: 2, kernelInitializer: { name: "randomNormal", stddev: -1 } })),
  ).toMatchInlineSnapshot(
    `"OptionError: simpleRNN: expected the option "kernelInitializer" to be "randomNormal" with "stddev" as a finite number of at least 0, got {"name":"randomNormal","stddev":-1}. Change kernelInitializer to one."`,
  );
  const vector = dense({ units: 2, biasInitializer: "orthogonal" });
  expect(say(() => sequential([vector], { input: { shape: [3] } }))).toMatchInlineSnapshot(
    `"OptionError: dense "dense", weight "dense.bias": expected a matrix for the initialiser "orthogonal", got [2]. Choose another initialiser."`,
  );
});

test("shapes between layers", () => {
  expect(
    say(() => sequential([gru({ units: 4 }), gru({ units: 4, name: "second" })], { input: { shape: [null, 3] } })),
  ).toMatchInlineSnapshot(
    `"ShapeError: gru "second": expected an input of shape [batch, time, features] with a fixed number of features, got [b, 4]. If a recurrent layer is below, give it returnSequences: true; if each row is one step, add a time axis."`,
  );
  expect(say(() => sequential([lstm({ units: 4 })], { input: { shape: [null, null] } }))).toMatchInlineSnapshot(
    `"ShapeError: lstm: expected an input of shape [batch, time, features] with a fixed number of features, got [b, t, n1]. Give the sizes after time as numbers."`,
  );
  expect(say(() => sequential([dense({ units: 4 })], { input: { shape: [null] } }))).toMatchInlineSnapshot(
    `"ShapeError: dense: expected an input whose last axis has a fixed size, got [b, t]. Give the last size of the input's shape as a number."`,
  );
  expect(
    say(() => sequential([embedding({ inputDim: 4, outputDim: 2 })], { input: { shape: [null] } })),
  ).toMatchInlineSnapshot(
    `"DTypeError: embedding: expected int32 indices, got float32. Declare the input with dtype: "int32"."`,
  );
  expect(say(() => call(dense({ units: 1 }), [input({ shape: [1] }), input({ shape: [1] })]))).toMatchInlineSnapshot(
    `"OptionError: dense: expected one input, got 2. Call it with a single tensor."`,
  );
  expect(say(() => input({ shape: [null, 0], name: "x" }))).toMatchInlineSnapshot(
    `"OptionError: input "x": expected sizes to be positive whole numbers, null (free) or names of free sizes other than "b", got 0 in [1]. The batch is not part of the shape."`,
  );
});

test("models", () => {
  const x = input({ shape: [null, 3], name: "x" });
  const z = input({ shape: [3], name: "z" });
  const y = call(gru({ units: 2 }), x);
  expect(say(() => model({ inputs: z, outputs: y }))).toMatchInlineSnapshot(
    `"OptionError: model "model": expected every input that its outputs need to be among its inputs, but one of shape [b, t, 3] ("x") is not. Add it to inputs."`,
  );
  expect(say(() => model({ inputs: [x, z], outputs: y }))).toMatchInlineSnapshot(
    `"OptionError: model "model": expected its inputs to be what its outputs are made from, but input 2 is not: no output needs it. Leave it out."`,
  );
  const twins = () =>
    sequential([dense({ units: 2, name: "a" }), dense({ units: 2, name: "a" })], { input: { shape: [2] } });
  expect(say(twins)).toMatchInlineSnapshot(
    `"OptionError: model "model": expected every name once, got two layers or inputs named "a". Rename one, or call one layer object twice to share its weights."`,
  );
  expect(say(() => sequential([dense({ units: 2, name: "a.b" })], { input: { shape: [2] } }))).toMatchInlineSnapshot(
    `"OptionError: model "model": expected a name without ".", "#" and "/", got "a.b". These join the names of weights and states."`,
  );
  const shared = dense({ units: 2, name: "shared" });
  const narrow = input({ shape: [5] });
  expect(say(() => model({ inputs: narrow, outputs: call(shared, call(shared, narrow)) }))).toMatchInlineSnapshot(
    `"OptionError: dense "shared": expected inputs of one width at each of its uses, since they share its weights, but "kernel" would be [5, 2] and [2, 2]. Make a second layer."`,
  );
});

test("what a model is called with", () => {
  const net = encoder();
  expect(say(() => net.run(zeros([2, 3])))).toMatchInlineSnapshot(
    `"ShapeError: model "net": expected the input "x" to have the shape [b, t, 3], got [2, 3]. The first axis is the batch, the second time."`,
  );
  expect(say(() => net.run(zeros([2, 5, 4])))).toMatchInlineSnapshot(
    `"ShapeError: model "net": expected the input "x" to have the shape [b, t, 3], got [2, 5, 4]. The first axis is the batch, the second time."`,
  );
  expect(say(() => net.run(zeros([2, 0, 3])))).toMatchInlineSnapshot(
    `"ShapeError: model "net": expected the input "x" to have the shape [b, t, 3], got [2, 0, 3]. Give at least one row and one step."`,
  );
  expect(say(() => net.run(zeros([2, 5, 3], "int32")))).toMatchInlineSnapshot(
    `"DTypeError: model "net": expected the input "x" to be float32, got int32. Convert it with cast(x, "float32")."`,
  );
  expect(say(() => net.run([[1, 2, 3]] as never))).toMatchInlineSnapshot(
    `"OptionError: model "net": expected a tensor for each of its inputs (x), got an array of other things than tensors. Make tensors with tensor(...)."`,
  );
  expect(say(() => net.run({ y: zeros([1, 2, 3]) }))).toMatchInlineSnapshot(
    `"OptionError: model "net": expected the inputs x by name, but "y" is none of them. Give each of them a tensor."`,
  );
  expect(say(() => net.step(zeros([2, 5, 3])))).toMatchInlineSnapshot(
    `"ShapeError: model "net": expected the input "x" to have the shape [b, 3], got [2, 5, 3]. One step has no time axis."`,
  );
  expect(say(() => net.setWeights({ "encoder.kernal": zeros([3, 12]) }))).toMatchInlineSnapshot(
    `"OptionError: model "net": expected the path of a weight (encoder.kernel, encoder.recurrentKernel, encoder.bias, dense.kernel, dense.bias), got "encoder.kernal". Use the paths that weights() gives."`,
  );
  expect(say(() => net.setWeights({ "encoder.kernel": zeros([12, 3]) }))).toMatchInlineSnapshot(
    `"ShapeError: model "net": expected the weight "encoder.kernel" to be float32 [3, 12], got float32 [12, 3]. Transpose or split it to the layout of the layer."`,
  );
  expect(say(() => compile((x: Tensor) => net.run(x).outputs)(zeros([1, 2, 3])))).toMatchInlineSnapshot(
    `"OptionError: model "net": expected run, step and push outside of compiled functions, got one inside. There, use forward or stepForward, which are pure."`,
  );
  const pure = { inputs: [zeros([1, 2, 3])], context: context() };
  expect(say(() => net.forward({ ...pure, params: {} }))).toMatchInlineSnapshot(
    `"OptionError: gru "encoder": expected its weights (kernel, recurrentKernel, bias) among the params, got none. Give what model.params() gives."`,
  );
  const letters = sequential([embedding({ inputDim: 4, outputDim: 2, name: "letters" })], {
    input: { shape: [null], dtype: "int32" },
  });
  expect(say(() => letters.run(tensor(new Int32Array([1, 4]), { shape: [1, 2] })))).toMatchInlineSnapshot(
    `"NumericError: embedding "letters": expected an index from 0 to 3, got 4. Check the input's values, or give the table more rows."`,
  );
});

test("states", () => {
  const net = encoder();
  const x = zeros([2, 5, 3]);
  expect(say(() => net.run(x, { state: { decoder: { h: zeros([2, 4]) } } }))).toMatchInlineSnapshot(
    `"StateError: model "net": expected a state by the names of its layers, got "decoder", but the layers with a state are "encoder". Give { [layer]: state }."`,
  );
  expect(say(() => net.run(x, { state: { encoder: { c: zeros([2, 4]) } } }))).toMatchInlineSnapshot(
    `"StateError: model "net": expected the state of "encoder" to hold encoder.h, but "encoder.c" is not part of it. Give a state of that structure."`,
  );
  expect(say(() => net.run(x, { state: { encoder: {} } }))).toMatchInlineSnapshot(
    `"StateError: model "net": expected the state of "encoder" to hold encoder.h, but "encoder.h" is missing. Give a state of that structure."`,
  );
  expect(say(() => net.run(x, { state: { encoder: { h: zeros([3, 4]) } } }))).toMatchInlineSnapshot(
    `"StateError: model "net": expected the state "encoder.h" to have 2 rows like the input, got 3 ([3, 4]). Give one row of state for each row of the batch."`,
  );
  expect(say(() => net.run(x, { state: { encoder: { h: zeros([2, 5]) } } }))).toMatchInlineSnapshot(
    `"StateError: model "net": expected the state "encoder.h" to be float32 [2, 4], got float32 [2, 5]. Give the state of a layer of the same size."`,
  );
  expect(say(() => net.run(x, { state: { encoder: { h: [0, 0] as never } } }))).toMatchInlineSnapshot(
    `"StateError: model "net": expected the state of "encoder" to hold encoder.h, but "encoder.h.0" is not part of it. Give a state of that structure."`,
  );
  const plain = sequential([dense({ units: 1 })], { input: { shape: [2] }, name: "plain" });
  expect(say(() => plain.run(zeros([1, 2]), { state: { dense: {} } }))).toMatchInlineSnapshot(
    `"StateError: model "plain": expected a state by the names of its layers, got "dense", but the model has no recurrent layer. Give { [layer]: state }."`,
  );
});

test("streams and steps", () => {
  const backwards = sequential([gru({ units: 2, goBackwards: true, name: "reader" })], { input: { shape: [null, 3] } });
  expect(say(() => backwards.stream())).toMatchInlineSnapshot(
    `"UnsupportedError: gru "reader": can not take one step at a time, since it reads a sequence from its end, which is not there yet. Use run on whole sequences, or a layer without goBackwards."`,
  );
  expect(say(() => backwards.step(zeros([1, 3])))).toMatchInlineSnapshot(
    `"UnsupportedError: gru "reader": can not take one step at a time, since it reads a sequence from its end, which is not there yet. Use run on whole sequences, or a layer without goBackwards."`,
  );
  const rows = sequential([dense({ units: 2 })], { input: { shape: [3] }, name: "rows" });
  expect(say(() => rows.stream())).toMatchInlineSnapshot(
    `"UnsupportedError: model "rows": can not take one step at a time, since none of its inputs has a time axis. Use run."`,
  );
  const net = encoder();
  expect(say(() => net.stream({ batch: 0 }))).toMatchInlineSnapshot(
    `"OptionError: model "net", stream: expected the option "batch" to be a positive whole number, got 0. Change batch to one."`,
  );
  expect(say(() => net.stream({ batch: 2 }).push(zeros([3, 3])))).toMatchInlineSnapshot(
    `"ShapeError: model "net", stream: expected 2 rows at every push, got 3. Open it with stream({ batch: 3 })."`,
  );
  expect(say(() => net.stream({ batch: 2 }).push(zeros([2, 4])))).toMatchInlineSnapshot(
    `"ShapeError: model "net": expected the input "x" to have the shape [b, 3], got [2, 4]. One step has no time axis."`,
  );
  expect(say(() => net.stream({ batch: 2 }).reset([2]))).toMatchInlineSnapshot(
    `"OptionError: stream: expected rows between 0 and 1, got 2. Give the rows to reset."`,
  );
  expect(say(() => net.stream({ batch: 2 }).restore({ encoder: { h: zeros([1, 4]) } }))).toMatchInlineSnapshot(
    `"StateError: model "net": expected the state "encoder.h" to have 2 rows like the input, got 1 ([1, 4]). Give one row of state for each row of the batch."`,
  );
});

test("cells of one's own", () => {
  const cell = (step: (h: Tensor) => unknown) =>
    sequential(
      [
        rnn(
          defineCell({
            name: "mine",
            params: () => ({}),
            state: { h: [4] },
            step: ({ state: { h } }) => step(h) as never,
          }),
          { name: "layer" },
        ),
      ],
      { input: { shape: [null, 3] } },
    ).run(zeros([2, 5, 3]));
  expect(say(() => cell((h) => ({ y: h, state: { h: zeros([2, 5]) } })))).toMatchInlineSnapshot(
    `"ShapeError: rnn "layer": step returned a state "h" of float32 [2, 5], but its initial state is float32 [b, 4]. Return a state of the same shape."`,
  );
  expect(say(() => cell((h) => ({ y: h, state: {} })))).toMatchInlineSnapshot(
    `"StateError: rnn "layer": step returned no state "h", but its initial state has one. Return every part of the state."`,
  );
  expect(say(() => cell((h) => ({ y: h, state: { h, c: h } })))).toMatchInlineSnapshot(
    `"StateError: rnn "layer": step returned a state "c" that it did not declare. Declare it in the cell's state."`,
  );
  expect(
    say(() =>
      defineCell({ name: "my cell", params: () => ({}), state: { h: [1] }, step: ({ x, state }) => ({ y: x, state }) }),
    ),
  ).toMatchInlineSnapshot(
    `"OptionError: defineCell: expected a name of letters, digits, "-" and "_", got "my cell". Name the cell like a variable."`,
  );
  const options = { units: 2, scale: (x: number) => x } as never;
  expect(
    say(() =>
      defineCell({
        name: "mine",
        options,
        params: () => ({}),
        state: { h: [1] },
        step: ({ x, state }) => ({ y: x, state }),
      }),
    ),
  ).toMatchInlineSnapshot(
    `"OptionError: cell "mine": expected its options to be plain data (numbers, strings, booleans, null, lists, objects), got a function at options.scale. Name what you mean, and look it up in the cell."`,
  );
  const stateless = () =>
    defineCell({ name: "map", params: () => ({}), state: {}, step: ({ x }) => ({ y: x, state: {} }) });
  expect(say(() => sequential([rnn(stateless())], { input: { shape: [null, 3] } }))).toMatchInlineSnapshot(
    `"ShapeError: cell "map": expected outputSize, since the cell has no state to take it from. Give outputSize."`,
  );
});

test("randomness", () => {
  const net = sequential([dropout({ rate: 0.5 })], { input: { shape: [null, 3] } });
  expect(say(() => net.run(zeros([1, 1, 3]), { training: true }))).toMatchInlineSnapshot(
    `"OptionError: dropout "dropout": expected a random key, since it draws random numbers, got none. Pass { key: 1 } or a key made by randomKey()."`,
  );
});

test("definitions", () => {
  const definition = sequential([rnn(mgu({ units: 2 }), { name: "layer" })], {
    input: { shape: [null, 3] },
  }).definition();
  expect(say(() => modelFromDefinition(definition))).toMatchInlineSnapshot(
    `"OptionError: rnn "layer": expected a cell of a known kind (simpleRNN, lstm, gru), got "mgu". It is a cell of someone's own: pass its constructor as { cells: { mgu: (options) => ... } }."`,
  );
  expect(say(() => modelFromDefinition({ ...definition, version: 2 as never }))).toMatchInlineSnapshot(
    `"FormatError: model definition: expected version 1, got 2. It was written by a newer Recurve: update this one."`,
  );
  expect(say(() => modelFromDefinition({ layers: [] } as never))).toMatchInlineSnapshot(
    `"FormatError: model definition: expected an object with inputs, layers, connections and outputs. Give what model.definition() gave."`,
  );
  const strange = { ...definition, layers: [{ name: "layer", kind: "attention", options: {} }] };
  expect(say(() => modelFromDefinition(strange))).toMatchInlineSnapshot(
    `"OptionError: layer "layer": expected a known kind of layer (simpleRNN, lstm, gru, rnn, embedding, dense, dropout, activation), got "attention". If it is your own, pass its constructor as { layers: { attention: (options) => ... } }."`,
  );
  const cut = { ...definition, connections: [{ layer: "layer", from: ["y"], to: "layer" }] };
  expect(say(() => modelFromDefinition(cut, { cells: { mgu } }))).toMatchInlineSnapshot(
    `"FormatError: model definition: expected every value to be defined before it is used, but "y" is not. The file is damaged."`,
  );
});
