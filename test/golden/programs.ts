/** The small models whose graphs and loops are kept as files: each is a compiled function and arguments for it. */

import { leavesOf, mapTree } from "../../src/base/trees.ts";
import {
  type Cell,
  context,
  dense,
  dropout,
  embedding,
  gru,
  lstm,
  lstmCell,
  type Model,
  rnn,
  sequential,
  simpleRNN,
  stackCells,
} from "../../src/nn/index.ts";
import {
  add,
  type CompiledFunction,
  compile,
  grad,
  logSoftmax,
  matmul,
  mean,
  mul,
  neg,
  oneHot,
  randomKey,
  relu,
  scan,
  spec,
  sum,
  type Tensor,
  type TensorSpec,
  tanh,
  tensor,
  variable,
  zeros,
} from "../../src/trace/index.ts";
import { createTrainer, globalClipNorm } from "../../src/train/index.ts";
import { sumsLength } from "../../src/train/measure.ts";
import { type StepVariables, trainingStep } from "../../src/train/step.ts";
import { mgu } from "../cells/cells.ts";

/** A function and the arguments that its program is compiled for. `loops: false` where they would fill pages. */
export interface Golden {
  readonly fn: CompiledFunction<never[], unknown>;
  readonly args: readonly unknown[];
  readonly loops?: boolean;
}

function of<A extends unknown[]>(
  name: string,
  fn: (...args: A) => unknown,
  inputs: readonly TensorSpec[],
  rest: Partial<Golden> = {},
): Golden {
  const args = inputs.map(({ shape, dtype }) =>
    zeros(
      shape.map((size) => (typeof size === "number" ? size : 2)),
      dtype,
    ),
  );
  return { fn: compile(fn, { name, inputs }) as never, args, ...rest };
}

/** The forward pass of a model over sequences; the state comes out too. */
function running(name: string, model: Model<Tensor>, rest: Partial<Golden> = {}): Golden {
  const forward = (x: Tensor): unknown =>
    model.forward({ params: model.params(), inputs: [x], context: context({ training: false }) });
  return of(name, forward, [model.inputs[0].spec], rest);
}

const rows = { input: { shape: [null, 3] } } as const;
const ids = { input: { shape: [null], dtype: "int32" } } as const;
const float = (...shape: (number | string)[]): TensorSpec => spec(shape);
const plain = (): Cell => lstmCell({ units: 2 });

/** The step that `fit` repeats, as one program: forward, backward, clipping, Adam. */
function training(): Golden {
  const model = sequential([lstm({ units: 2, name: "reader" }), dense({ units: 1, name: "head" })], rows);
  const trainer = createTrainer(model, { loss: "meanSquaredError", clip: globalClipNorm(1) });
  const own = (value: Tensor, name: string) => variable(value, { name, trainable: false });
  const weights = leavesOf<{ shape: readonly number[] }>(model.variables as never);
  const slots = trainer.plan.optimizer.slots(Object.fromEntries(weights.map(({ path, leaf }) => [path, leaf])));
  const variables = {
    slots: mapTree<Tensor, unknown>(slots, (value, path) => own(value, `slots.${path}`)),
    counter: own(tensor(0, { dtype: "int32" }), "step"),
    key: own(randomKey(0), "key"),
    sums: own(zeros([sumsLength(trainer.objective)]), "sums"),
    state: undefined,
  } as StepVariables;
  const step = trainingStep(trainer.plan, variables);
  const onePair = (x: Tensor, y: Tensor): unknown => step([x], [y], undefined, undefined);
  return of("training step", onePair, [float("b", "t", 3), float("b", 1)], { loops: false });
}

/** Each is made when its test runs. */
export const goldens: { readonly [file: string]: () => Golden } = {
  dense: () => running("dense", sequential([dense({ units: 4, activation: "relu" })], { input: { shape: [3] } })),
  "softmax-loss": () =>
    of(
      "softmax loss",
      (logits: Tensor, target: Tensor) => mean(neg(sum(mul(oneHot(target, 5), logSoftmax(logits)), -1))),
      [float("b", 5), spec(["b"], "int32")],
    ),
  "mean-over-free-axis": () => of("mean over a free axis", (x: Tensor) => mean(x, 1), [float("b", "t", 3)]),
  "product-of-odd-sizes": () =>
    of("product of odd sizes", (x: Tensor, y: Tensor) => tanh(matmul(x, y)), [float(5, 7), float(7, 13)]),
  gradient: () =>
    of("gradient of a dense layer", (x: Tensor, w: Tensor) => grad((v: Tensor) => sum(relu(matmul(x, v))))(w), [
      float("b", 3),
      float(3, 4),
    ]),
  "checkpointed-gradient": () =>
    of(
      "gradient of a recurrence with checkpoints",
      (xs: Tensor, w: Tensor) =>
        grad((v: Tensor) => {
          const step = (h: Tensor, x: Tensor) => ({ carry: tanh(add(matmul(h, v), x)) });
          return sum(scan(step, { init: zeros([1, 2]), xs, checkpoint: 4 }).carry);
        })(w),
      [float(12, 1, 2), float(2, 2)],
      { loops: false },
    ),
  "simple-rnn": () => running("simple RNN", sequential([simpleRNN({ units: 2 })], rows)),
  lstm: () => running("LSTM", sequential([lstm({ units: 4 })], rows)),
  "lstm-sequences-and-head": () =>
    running(
      "LSTM with a head at every step",
      sequential([lstm({ units: 2, returnSequences: true }), dense({ units: 3 })], rows),
    ),
  "gru-reset-after": () => running("GRU, reset after", sequential([gru({ units: 2 })], rows)),
  "gru-reset-before": () => running("GRU, reset before", sequential([gru({ units: 2, resetAfter: false })], rows)),
  stack: () => running("stack of two", sequential([rnn(stackCells([plain(), plain()]))], rows), { loops: false }),
  backwards: () =>
    running(
      "simple RNN from the end",
      sequential([simpleRNN({ units: 2, goBackwards: true, returnSequences: true })], rows),
    ),
  "embedding-and-simple-rnn": () =>
    running(
      "embedding and simple RNN",
      sequential([embedding({ inputDim: 9, outputDim: 3 }), simpleRNN({ units: 2, returnSequences: true })], ids),
    ),
  "own-cell": () => running("minimal gated unit", sequential([rnn(mgu({ units: 2 }))], rows)),
  "nested-scan": () =>
    of(
      "scan in a scan",
      (xs: Tensor) =>
        scan(
          (total: Tensor, row: Tensor) => {
            const step = (inner: Tensor, x: Tensor) => ({ carry: add(mul(inner, 0.5), x), y: inner });
            const { carry } = scan(step, { init: total, xs: row });
            return { carry, y: carry };
          },
          { init: zeros([2]), xs },
        ),
      [float("s", "t", 2)],
    ),
  dropout: () => {
    const model = sequential([dropout({ rate: 0.25 })], { input: { shape: [3] } });
    const forward = (x: Tensor, key: Tensor): unknown =>
      model.forward({ params: {}, inputs: [x], context: context({ training: true, key }) });
    return of("dropout", forward, [float("b", 3), spec([2], "int32")], { loops: false });
  },
  "training-step": training,
};
