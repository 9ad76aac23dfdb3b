/** The checklist of recurrent networks, parts E to G: composition, dropout, decoding. */
import { type Row, superseded, works } from "./row.ts";

const parity = "parity/recurrent";
const attention = "decode/attention";

export const composition: readonly Row[] = [
  works("E1", "stacks", "`rnn([a, b])`, `stackCells`, or layer after layer", [
    "nn/model",
    "a stack of cells is the composition of layers",
  ]),
  works("E2", "residual connections round a cell", "`residualCell(cell)`", [parity, "tf1-wrappers, residual"]),
  works("E3", "a highway round a cell", "`highwayCell(cell)`; the layer `highway()`", [
    "cells/formulas",
    "%s: what its formula says, at each of five steps",
  ]),
  superseded("E4", "a device for a cell", "A model runs on one device, and a cell is a part of it. Leave it out."),
  works("E5", "dropout round a cell", "`dropoutCell(cell, { input, output, state, recurrent, sharing })`", [
    "cells/dropout",
    "dropout of the input and of the output is the cell on a dropped input, and its dropped output",
  ]),
  works(
    "E6",
    "projections and embeddings round a cell",
    "`inputProjectionCell`, `outputProjectionCell`; `embedding`, `dense`",
    ["cells/formulas", "%s: what its formula says, at each of five steps"],
  ),
  works("E7", "attention to a cell's own last outputs", "`attentionCellWrapper(cell, { attnLength })`", [
    attention,
    "the wrapper over its own last %i outputs is TensorFlow's, written out",
  ]),
  superseded(
    "E8",
    "a cell compiled on its own",
    "Models are always compiled whole; `compile(fn)` compiles a function of your own.",
  ),
  works(
    "E9",
    "a layer at every step",
    "layers without time do it by themselves; `timeDistributed(layer)` for the others",
    ["nn/around", "is the layer at each step, as one product"],
  ),
  works("E10", "both directions", "`bidirectional(layer)`", [parity, "keras-bidirectional, right mask"]),
  works(
    "E11",
    "how directions are merged",
    "`mergeMode`: concat, sum, mul, ave; each on its own is `y.parts.forward`",
    [parity, "keras-bidirectional, ave"],
  ),
  works("E12", "initial states of both directions", "`{ forward: { h, c }, backward: { h, c } }`", [
    parity,
    "keras-bidirectional, initial states",
  ]),
  works("E13", "another cell backwards", "`backwardLayer`", [parity, "keras-bidirectional, another cell backward"]),
  works("E14", "stacked bidirectional layers", "one after another", [parity, "torch-lstm, two bidirectional layers"]),
  works(
    "E15",
    "the last output of both directions",
    "`returnSequences: false`: the backward half has read everything",
    [parity, "keras-bidirectional, last output, right mask"],
  ),
  works("E16", "pooling, up-sampling and repetition over time", "`maxPooling1D`, `upSampling1D`, `repeatVector`, ...", [
    "nn/pooling",
    "a recurrent layer over pooled sequences sees each row as if it were alone",
  ]),
  works(
    "E17",
    "a condition as the initial state",
    "`conditionedState(layer, x, conditions)`, or a map of your own for each part of the state",
    ["recurrent/conditions", "…: every part of the state has a map of its own of all conditions, which a file keeps"],
  ),
  works("E18", "a condition and a stream", "`model.stream().push([x, condition])`", [
    "recurrent/masks",
    "a stream of a layer with a learned or conditioned initial state equals the whole sequence, also after a reset of a row",
  ]),
];

export const dropout: readonly Row[] = [
  works("F1", "dropout of inputs", "`dropout` of a layer: per sequence; `dropoutCell(cell, { input })`", [
    "cells/dropout",
    "dropout of the input and of the output is the cell on a dropped input, and its dropped output",
  ]),
  works("F2", "recurrent dropout", "`recurrentDropout`; `dropoutCell(cell, { recurrent })`", [
    "cells/dropout",
    "recurrent dropout acts where the gates read the state, and the carry of a GRU is not dropped with it",
  ]),
  works("F3", "dropout between layers", "`dropout({ rate })`", [
    "nn/model",
    "dropout is off unless training, keeps the mean, and its mask depends on the key alone",
  ]),
  works("F4", "one mask for all steps", '`sharing: "sequence"`, or `"batch"` for all rows too', [
    "cells/dropout",
    "masks shared by %s have the shape and the repeats of that",
  ]),
  works("F5", "which parts of the state are dropped", '`stateParts: ["h"]`', [
    "cells/dropout",
    "state dropout spares the memory of an LSTM, unless it is named",
  ]),
  works("F6", "seeds", "`run(x, { training: true, key })`; each layer draws by its name", [
    "nn/model",
    "two dropout layers draw different masks, each by its own name",
  ]),
  works(
    "F7",
    "regularisers and constraints of weights and outputs",
    "`kernelRegularizer`, `recurrentConstraint`, `activityRegularizer`, ...",
    [
      "train/penalties",
      "three steps of SGD with regularisers and constraints everywhere give Keras's losses and weights",
    ],
  ),
  works("F8", "masks that can be looked at", "`run(x, { dropoutMasks: true }).dropoutMasks`", [
    "cells/dropout",
    "each site may share as it likes, and a stack shows whose masks they are",
  ]),
];

export const decoding: readonly Row[] = [
  works("G1", "a decode loop that ends row by row", "`decode({ step, init, start, end, maxSteps })`, `generate`", [
    "decode/decode",
    "greedy decoding is the loop written out, row by row (seed $seed, $backend)",
  ]),
  works("G2", "cell, head and choice in one step", "`decode({ step, strategy })`", [
    "decode/decode",
    "the sampler of one's own is told logits, step, key and state",
  ]),
  works("G3", "teacher forcing", "`fit`: the model over whole target sequences", [
    "decode/generate",
    "step by step it says what it says of whole sequences: training and inference agree",
  ]),
  works("G4", "greedy decoding with start and end tokens", "`strategy: greedy()`, `start`, `end`", [
    "decode/generate",
    "greedy generation is model.step after model.step",
  ]),
  works("G5", "sampling with a temperature", "`strategy: sample({ temperature, topK, topP })`", [
    "decode/samplers",
    "draws follow softmax of what is kept: $name (key 11, 8000 draws)",
  ]),
  works(
    "G6",
    "scheduled sampling of tokens",
    "`scheduledSampling({ step, tokens, probability, key })`, `scheduledForward` over a model",
    [
      "decode/scheduled",
      "every row and step reads its own choice where it was drawn to, and the teacher's token elsewhere (seed 4)",
    ],
  ),
  works(
    "G7",
    "scheduled sampling of outputs",
    "the same with rows of numbers as tokens, and a strategy that gives the next row",
    ["decode/scheduled", "are finite differences of the path that was taken (key 7)"],
  ),
  works("G8", "a sampler of one's own", "`strategy: (logits, { key, step, state }) => ids`", [
    "decode/decode",
    "what is fed back need not be ids: a sequence of rows of numbers that ends by a rule of one's own",
  ]),
  works("G9", "beam search", "`strategy: beamSearch({ width })`", [
    "decode/beam",
    "with a width of all sequences it is exhaustive search (seed %i)",
  ]),
  works("G10", "length and coverage penalties", "`beamSearch({ lengthPenalty, coveragePenalty })`", [
    "decode/beam",
    "sequences, lengths, scores, log-probabilities and states are those of the definition (seed $seed, $backend)",
  ]),
  works("G11", "attention round a cell", "`attentionCell(cell, mechanism)`, `call(layer, x, { constants: memory })`", [
    attention,
    "alignments of every step come back, through outputs and through states: true",
  ]),
  works("G12", "Luong attention", "`luong({ scale })`", [
    attention,
    "outputs, states and alignments are those of the formulas (%s)",
  ]),
  works("G13", "Bahdanau attention", "`bahdanau({ units, normalize })`", [
    attention,
    "outputs, states and alignments are those of the formulas (%s)",
  ]),
  works("G14", "monotonic attention", '`monotonic: "parallel"`, `"recursive"`, `"hard"`', [
    attention,
    "monotonic weights of mode %s are the process of the paper",
  ]),
  works("G15", "masked memory", "the mask of the memory's value", [
    attention,
    "what stands in masked memory, NaN too, changes no output and no gradient, to the last bit",
  ]),
  works(
    "G16",
    "a loss over sequences",
    "`sparseCategoricalCrossentropy` on `[b, t, n]`, weighed by masks and `sampleWeights`; `sequenceLoss`",
    ["train/reductions", "sequenceLoss averages over time, the batch, both or neither, each by its weights"],
  ),
];
