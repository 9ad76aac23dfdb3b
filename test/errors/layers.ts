/** What goes wrong with layers, cells and models. */
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
import type { Provocations } from "./provocations.ts";

const encoder = (): Model<Tensor> =>
  sequential([gru({ units: 4, name: "encoder" }), dense({ units: 2 })], {
    input: { shape: [null, 3], name: "x" },
    name: "net",
  });
const net = encoder();
const rowsOf3 = zeros([2, 5, 3]);
const x = input({ shape: [null, 3], name: "x" });
const z = input({ shape: [3], name: "z" });
const y = call(gru({ units: 2 }), x);
const narrow = input({ shape: [5] });
const vector = dense({ units: 2, biasInitializer: "orthogonal" });
const shared = dense({ units: 2, name: "shared" });
const twins = () =>
  sequential([dense({ units: 2, name: "a" }), dense({ units: 2, name: "a" })], { input: { shape: [2] } });
const pure = { inputs: [zeros([1, 2, 3])], context: context() };
const letters = sequential([embedding({ inputDim: 4, outputDim: 2, name: "letters" })], {
  input: { shape: [null], dtype: "int32" },
});
const plain = sequential([dense({ units: 1 })], { input: { shape: [2] }, name: "plain" });
const backwards = sequential([gru({ units: 2, goBackwards: true, name: "reader" })], { input: { shape: [null, 3] } });
const rows = sequential([dense({ units: 2 })], { input: { shape: [3] }, name: "rows" });
const random = sequential([dropout({ rate: 0.5 })], { input: { shape: [null, 3] } });
/** A model of a cell whose step gives something wrong. */
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
const options = { units: 2, scale: (x: number) => x } as never;
const stateless = () =>
  defineCell({ name: "map", params: () => ({}), state: {}, step: ({ x }) => ({ y: x, state: {} }) });
const definition = sequential([rnn(mgu({ units: 2 }), { name: "layer" })], {
  input: { shape: [null, 3] },
}).definition();
const strange = { ...definition, layers: [{ name: "layer", kind: "telepathy", options: {} }] };
const cut = { ...definition, connections: [{ layer: "layer", from: ["y"], to: "layer" }] };

export const layers: Provocations = {
  "an unknown option of a layer": () => lstm({ units: 4, recurentActivation: "sigmoid" } as never),
  "a missing option": () => gru({} as never),
  "a fraction of a unit": () => gru({ units: 2.5, name: "encoder" }),
  "an option that is no flag": () => gruCell({ units: 2, resetAfter: "yes" as never }),
  "an unknown activation": () => dense({ units: 2, activation: "rellu" as never }),
  "an activation that is a function": () => activation((() => 1) as never),
  "an unknown option of an activation": () => activation({ name: "leakyRelu", alpha: 0.1 } as never),
  "a rate out of range": () => dropout({ rate: 1 }),
  "an unknown option of rnn": () => rnn(gruCell({ units: 2 }), { stateful: true } as never),
  "an empty stack": () => stackCells([]),
  "an unknown option of run": () => encoder().run(zeros([1, 2, 3]), { initialState: {} } as never),
  "an unknown initialiser": () => dense({ units: 2, kernelInitializer: "glorot" as never }),
  "an initialiser of an unknown gate": () => lstm({ units: 2, biasInitializer: { forgot: "ones", rest: "zeros" } }),
  "a gate without an initialiser": () => lstm({ units: 2, biasInitializer: { forget: "ones" } }),
  "an option of an initialiser out of range": () =>
    simpleRNN({ units: 2, kernelInitializer: { name: "randomNormal", stddev: -1 } }),
  "an initialiser that needs a matrix": () => sequential([vector], { input: { shape: [3] } }),
  "a recurrent layer on the last output of another": () =>
    sequential([gru({ units: 4 }), gru({ units: 4, name: "second" })], { input: { shape: [null, 3] } }),
  "a recurrent layer on rows of free width": () => sequential([lstm({ units: 4 })], { input: { shape: [null, null] } }),
  "a dense layer on a free width": () => sequential([dense({ units: 4 })], { input: { shape: [null] } }),
  "an embedding of floats": () => sequential([embedding({ inputDim: 4, outputDim: 2 })], { input: { shape: [null] } }),
  "a layer called on two inputs": () => call(dense({ units: 1 }), [input({ shape: [1] }), input({ shape: [1] })]),
  "an input of size 0": () => input({ shape: [null, 0], name: "x" }),
  "an input that is left out": () => model({ inputs: z, outputs: y }),
  "an input that nothing needs": () => model({ inputs: [x, z], outputs: y }),
  "two layers of one name": twins,
  "a name with a dot": () => sequential([dense({ units: 2, name: "a.b" })], { input: { shape: [2] } }),
  "a name that every object has": () =>
    sequential([dense({ units: 2, name: "constructor" })], { input: { shape: [2] } }),
  "a shared layer on two widths": () => model({ inputs: narrow, outputs: call(shared, call(shared, narrow)) }),
  "an input without time": () => net.run(zeros([2, 3])),
  "an input of another width": () => net.run(zeros([2, 5, 4])),
  "an empty sequence": () => net.run(zeros([2, 0, 3])),
  "an input of another type": () => net.run(zeros([2, 5, 3], "int32")),
  "an array instead of a tensor": () => net.run([[1, 2, 3]] as never),
  "an input of another name": () => net.run({ y: zeros([1, 2, 3]) }),
  "a sequence for one step": () => net.step(zeros([2, 5, 3])),
  "the path of no weight": () => net.setWeights({ "encoder.kernal": zeros([3, 12]) }),
  "a weight of another shape": () => net.setWeights({ "encoder.kernel": zeros([12, 3]) }),
  "run inside a compiled function": () => compile((x: Tensor) => net.run(x).outputs)(zeros([1, 2, 3])),
  "forward without weights": () => net.forward({ ...pure, params: {} }),
  "an index out of range": () => letters.run(tensor(new Int32Array([1, 4]), { shape: [1, 2] })),
  "the state of another layer": () => net.run(rowsOf3, { state: { decoder: { h: zeros([2, 4]) } } }),
  "another part of a state": () => net.run(rowsOf3, { state: { encoder: { c: zeros([2, 4]) } } }),
  "an empty state": () => net.run(rowsOf3, { state: { encoder: {} } }),
  "a state of another number of rows": () => net.run(rowsOf3, { state: { encoder: { h: zeros([3, 4]) } } }),
  "a state of another size": () => net.run(rowsOf3, { state: { encoder: { h: zeros([2, 5]) } } }),
  "a state that is no tensor": () => net.run(rowsOf3, { state: { encoder: { h: [0, 0] as never } } }),
  "a state for a model without any": () => plain.run(zeros([1, 2]), { state: { dense: {} } }),
  "a stream that would read from the end": () => backwards.stream(),
  "a step that would read from the end": () => backwards.step(zeros([1, 3])),
  "a stream of a model without time": () => rows.stream(),
  "a stream of no rows": () => net.stream({ batch: 0 }),
  "a push of another number of rows": () => net.stream({ batch: 2 }).push(zeros([3, 3])),
  "a push of another width": () => net.stream({ batch: 2 }).push(zeros([2, 4])),
  "a reset of a row that is not there": () => net.stream({ batch: 2 }).reset([2]),
  "a snapshot of another number of rows": () => net.stream({ batch: 2 }).restore({ encoder: { h: zeros([1, 4]) } }),
  "a step that changes the shape of its state": () => cell((h) => ({ y: h, state: { h: zeros([2, 5]) } })),
  "a step that drops its state": () => cell((h) => ({ y: h, state: {} })),
  "a step that invents a state": () => cell((h) => ({ y: h, state: { h, c: h } })),
  "a cell with a space in its name": () =>
    defineCell({ name: "my cell", params: () => ({}), state: { h: [1] }, step: ({ x, state }) => ({ y: x, state }) }),
  "a cell with a function among its options": () =>
    defineCell({
      name: "mine",
      options,
      params: () => ({}),
      state: { h: [1] },
      step: ({ x, state }) => ({ y: x, state }),
    }),
  "a cell of no known width": () => sequential([rnn(stateless())], { input: { shape: [null, 3] } }),
  "dropout without a key": () => random.run(zeros([1, 1, 3]), { training: true }),
  "a file with a cell of one's own": () => modelFromDefinition(definition),
  "a definition of a newer version": () => modelFromDefinition({ ...definition, version: 2 as never }),
  "a definition that is none": () => modelFromDefinition({ layers: [] } as never),
  "a file with an unknown kind of layer": () => modelFromDefinition(strange),
  "a definition cut in two": () => modelFromDefinition(cut, { cells: { mgu } }),
};
