/** What goes wrong in training. */
import { dense, gru, sequential, simpleRNN } from "../../src/nn/index.ts";
import { log, type Tensor, tensor } from "../../src/trace/index.ts";
import * as train from "../../src/train/index.ts";
import type { Provocations } from "./provocations.ts";

const ids = (n: number): Int32Array => new Int32Array(n);
const input = { shape: [null, 2], name: "rows" } as const;
// Whether a sum of infinities is NaN or infinite may differ from backend to backend; the sentence is what counts here.
const backend = "interpreter";
const small = (activation = "linear") =>
  sequential([gru({ units: 2, name: "reader" }), dense({ units: 3, name: "head", activation } as never)], { input });
const x = tensor(new Float32Array(12), { shape: [2, 3, 2] });
const sparse = { loss: "sparseCategoricalCrossentropy" } as const;
const stepOf = (batch: object, options: object = sparse) =>
  train.createTrainer(small(), { ...options, backend } as never).step(batch as never);
const classes = (...values: number[]): Tensor => tensor(values, { dtype: "int32" });

function explode(diagnose: boolean): unknown {
  const model = sequential([simpleRNN({ units: 1, activation: "exponential", name: "reader" })], {
    input: { shape: [null, 1] },
  });
  model.setWeights({ "reader.kernel": tensor([[1]]), "reader.recurrentKernel": tensor([[2]]) });
  const trainer = train.createTrainer(model, { loss: "meanSquaredError", diagnose, backend });
  return trainer.step({ x: tensor([[[1], [1], [1], [1]]]), y: tensor([[1]]) });
}

export const training: Provocations = {
  "no loss": () => train.createTrainer(small(), {} as never),
  "unknown loss": () => train.createTrainer(small(), { loss: "crossentropy" as never }),
  "unknown metric": () => train.createTrainer(small(), { ...sparse, metrics: ["acuracy" as never] }),
  "metric twice": () => train.createTrainer(small(), { ...sparse, metrics: ["accuracy", train.accuracy] }),
  "unknown optimizer": () => train.createTrainer(small(), { ...sparse, optimizer: "Adam" as never }),
  "unknown option of an optimizer": () => train.adam({ beta_1: 0.9 } as never),
  "option out of range": () => train.adam({ beta1: 1 }),
  "option that is no whole number": () => train.batches(x, x, { batchSize: 1.5 }),
  "limit of clipping": () => train.globalClipNorm(-1),
  "unknown option of fit": () => train.fit(small(), train.batches(x, classes(0, 1)), { ...sparse, epoch: 3 } as never),
  "training options for a trainer": () =>
    train.fit(train.createTrainer(small(), sparse), train.batches(x, classes(0, 1)), { loss: "huber" } as never),
  "boundaries and values": () => train.piecewiseConstant({ boundaries: [10], values: [1] }),
  "losses for outputs": () => train.createTrainer(small(), { loss: ["huber", "huber"] }),
  "logits loss behind softmax": () => train.createTrainer(small("softmax"), sparse),
  "fromProbabilities of another loss": () => train.fromProbabilities(train.meanSquaredError),
  "float targets for a sparse loss": () => stepOf({ x, y: tensor([0, 1]) }),
  "sparse targets for a whole sequence": () =>
    stepOf({
      x,
      y: tensor(
        [
          [0, 1, 2],
          [0, 1, 2],
        ],
        { dtype: "int32" },
      ),
    }),
  "targets that would broadcast": () => stepOf({ x, y: tensor([0, 1]) }, { loss: "meanSquaredError" }),
  "weights of another shape": () =>
    stepOf({
      x,
      y: classes(0, 1),
      sampleWeights: tensor([
        [1, 1, 1],
        [1, 1, 1],
      ]),
    }),
  "targets for another number of rows": () => stepOf({ x, y: classes(0) }),
  "targets for another number of outputs": () => stepOf({ x, y: [classes(0, 1), classes(0, 1)] }),
  "input of another type": () => stepOf({ x: tensor(ids(12), { shape: [2, 3, 2] }), y: classes(0, 1) }),
  "class out of range": () => stepOf({ x, y: classes(0, 3) }),
  "NaN in an input": () =>
    stepOf({ x: tensor(new Float32Array(12).fill(Number.NaN), { shape: [2, 3, 2] }), y: classes(0, 1) }),
  "NaN loss": () => stepOf({ x, y: classes(0, 1) }, { loss: (_: Tensor, p: Tensor) => log(p) }),
  "NaN loss, diagnosed": () =>
    stepOf({ x, y: classes(0, 1) }, { loss: (_: Tensor, p: Tensor) => log(p), diagnose: true }),
  "state that explodes": () => explode(false),
  "state that explodes, diagnosed": () => explode(true),
  "shuffled stream": () => train.lanes(ids(9), { lanes: 2, steps: 2, shuffle: true as never }),
  "stream too short": () => train.lanes(ids(8), { lanes: 4, steps: 2 }),
  "targets of a stream": () => train.lanes(ids(8), { lanes: 2, steps: 2, targets: ids(7) }),
  "examples of unequal lengths": () => train.batches(x, classes(0, 1, 2)),
  "carrying batches larger than the data": () => train.batches(x, classes(0, 1), { batchSize: 3, carriesState: true }),
  "lanes change": () => {
    const trainer = train.createTrainer(small(), sparse);
    trainer.step({ x, y: classes(0, 1) }, { carriesState: true });
    trainer.step(
      { x: tensor(new Float32Array(18), { shape: [3, 3, 2] }), y: classes(0, 1, 2) },
      { carriesState: true },
    );
  },
  "snapshot of another optimizer": () =>
    train
      .createTrainer(small(), sparse)
      .restore(train.createTrainer(small(), { ...sparse, optimizer: "sgd" }).snapshot()),
  "snapshot of another model": () => {
    const other = sequential([dense({ units: 3 })], { input: { shape: [2] } });
    train.createTrainer(small(), sparse).restore(train.createTrainer(other, sparse).snapshot());
  },
  "early stopping without validation": () =>
    train.fit(small(), train.batches(x, classes(0, 1)), { ...sparse, callbacks: [train.earlyStopping()] }),
  "evaluate without a loss": () => train.evaluate(small(), train.batches(x, classes(0, 1)), {} as never),
  "loss of no output": () => train.createTrainer(small(), { loss: { tail: "huber" } }),
  "loss for some outputs": () => train.createTrainer(small(), { loss: {} }),
  "metrics of no output": () => train.createTrainer(small(), { ...sparse, metrics: { tail: ["accuracy"] } }),
  "metrics as a word": () => train.createTrainer(small(), { ...sparse, metrics: "accuracy" as never }),
  "unknown reduction": () => train.createTrainer(small(), { ...sparse, reduction: "average" as never }),
  "function that makes a loss": () => train.createTrainer(small(), { loss: train.quantile as never }),
  "quantile in percent": () => train.quantile({ quantile: 90 }),
  "power of tweedie": () => train.tweedie({ power: 2 }),
  "penalties that are no functions": () => train.createTrainer(small(), { ...sparse, penalties: [0.1 as never] }),
  "penalty that is no scalar": () =>
    stepOf({ x, y: classes(0, 1) }, { ...sparse, penalties: [({ state }: train.PenaltyCall) => state.reader.h] }),
  "example's loss by name": () => train.perExample("huber" as never),
  "example's loss that is no scalar": () => train.perExample((y) => y)(x, x),
  "loss of sequences without steps": () => train.sequenceLoss(tensor([1])),
  "unknown regulariser": () => dense({ units: 1, kernelRegularizer: "l3" as never }),
  "orthogonal bias": () => sequential([dense({ units: 1, biasRegularizer: "orthogonal" })], { input }),
  "unknown constraint": () => dense({ units: 1, kernelConstraint: "maxnorm" as never }),
  "constraint over an axis that is not there": () =>
    sequential([dense({ units: 1, biasConstraint: { name: "unitNorm", axis: 1 } })], { input }),
  "constraint that nothing can meet": () =>
    sequential([dense({ units: 1, kernelConstraint: { name: "minMaxNorm", minValue: 2 } })], { input }),
  "no sequences": () => train.padSequences([]),
  "sequences of different widths": () => train.padSequences([[[1, 2]], [[1, 2, 3]]]),
  "a sequence that is none": () => train.padSequences([[1], null as never]),
  "padding of half a number": () => train.padSequences([[1]], { value: 0.5 }),
  "targets of other lengths": () => train.bucketBatches([[1, 2]], [[1]]),
  "too few targets": () => train.bucketBatches([[1, 2]], [1, 2]),
  "boundaries that do not ascend": () => train.bucketBatches([[1, 2]], [1], { boundaries: [4, 2] }),
  "boundaries and a number of buckets": () => train.bucketBatches([[1, 2]], [1], { boundaries: [4], buckets: 2 }),
  "packing without a size": () => train.packSequences([[1]], {}),
  "packing nothing": () => train.packSequences([[1], []], { lanes: 1 }),
  "packing into lanes that are too short": () => train.packSequences([[1, 2]], { steps: 1 }),
  "packing other lengths": () => train.packSequences([[1, 2]], { lanes: 1 }).pack([[1]]),
  "unpacking something else": () => train.packSequences([[1, 2]], { lanes: 1 }).unpack(x),
  "resets of a stream": () => train.lanes(ids(9), { lanes: 2, steps: 2, resets: tensor([true]) }),
  "a stream cut into windows": () => {
    const windows = (at: number): Tensor =>
      tensor(
        Float32Array.from({ length: 80 }, (_, i) => (Math.floor(i / 4) + (i % 4) + at) ** 2),
        { shape: [20, 4, 1] },
      );
    train.batches(windows(0), windows(1), { batchSize: 5, carriesState: true });
  },
  "a sequence without a batch": () => small().run(tensor([[1, 2]])),
  "collapse of a model without states": () =>
    train.collapseReport(sequential([dense({ units: 1 })], { input: { shape: [2] } }), tensor([[1, 2]])),
  "mask of a collapse report": () => train.collapseReport(small(), x, { mask: tensor([[true]]) }),
};
