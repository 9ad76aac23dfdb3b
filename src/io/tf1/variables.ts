/**
 * The variables of a checkpoint by their names: which belong to a cell of which direction and layer, which are slots of an
 * optimiser, and which are left. Knows the names of every TensorFlow 1, from `RNN/BasicLSTMCell/Linear/Matrix` on.
 */
import type { HostTensor, HostTensors } from "../hostTensor.ts";

/** The kinds of cells that names tell, by the scope that each makes. */
export type Tf1Cell = "simpleRNN" | "lstm" | "gru";

const cellScopes: ReadonlyMap<string, Tf1Cell> = new Map<string, Tf1Cell>([
  ["basic_rnn_cell", "simpleRNN"],
  ["basic_lstm_cell", "lstm"],
  ["lstm_cell", "lstm"],
  ["lstm_block_cell", "lstm"],
  ["lstm_fused_cell", "lstm"],
  ["gru_cell", "gru"],
]);

/** One cell of one direction of one layer. */
export interface Tf1Run {
  readonly cell: Tf1Cell;
  readonly direction: "forward" | "backward" | undefined;
  /** Its place in stack_bidirectional_rnn, 0 without. */
  readonly layer: number;
  /** Its place in a MultiRNNCell, 0 without. */
  readonly depth: number;
  /** By the names of today's TensorFlow 1: `kernel`, `gates/bias`. */
  readonly arrays: ReadonlyMap<string, HostTensor>;
  /** The names in the checkpoint. */
  readonly names: readonly string[];
}

export interface Tf1Variables {
  /** The runs of each recurrent network, by its scope. */
  readonly networks: ReadonlyMap<string, readonly Tf1Run[]>;
  /** Variables of one axis or more that are of no cell. */
  readonly others: ReadonlyMap<string, HostTensor>;
  /** Slots of optimisers, counters and other scalars: not of the model. */
  readonly training: readonly string[];
}

/** What optimisers and averages put behind the name of a variable. */
const slots =
  /^(Adam|AdaMax|Adamax|Nadam|LazyAdam|Momentum|RMSProp|RMSPropOptimizer|Adagrad|AdagradDA|Adadelta|Ftrl|GradientDescent|ExponentialMovingAverage)(_\d+)?$/;
const counters = /(^|\/)(beta[12]_power|global_step)(_\d+)?$/;

/** Whether a variable belongs to the training and not to the model. */
export function isOfTraining(name: string, shape: readonly number[]): boolean {
  const last = name.slice(name.lastIndexOf("/") + 1);
  return shape.length === 0 || counters.test(name) || (name.includes("/") && slots.test(last));
}

/** Sorts the variables. */
export function sortVariables(tensors: HostTensors): Tf1Variables {
  const networks = new Map<string, Map<string, { run: Omit<Tf1Run, "arrays" | "names">; found: [string, string][] }>>();
  const others = new Map<string, HostTensor>();
  const training: string[] = [];
  for (const [name, tensor] of Object.entries(tensors)) {
    const place = isOfTraining(name, tensor.shape) ? undefined : placeOf(name);
    if (place !== undefined) {
      const runs = networks.get(place.scope) ?? new Map();
      const key = `${place.run.layer} ${place.run.direction} ${place.run.depth}`;
      const known = runs.get(key) ?? { run: place.run, found: [] };
      known.found.push([place.array, name]);
      runs.set(key, known);
      networks.set(place.scope, runs);
    } else if (isOfTraining(name, tensor.shape)) training.push(name);
    else others.set(name, tensor);
  }
  const complete = [...networks].map(([scope, runs]): [string, Tf1Run[]] => {
    const all = [...runs.values()].map(({ run, found }) => ({
      ...run,
      arrays: new Map(found.map(([array, name]) => [array, tensors[name]])),
      names: found.map(([, name]) => name),
    }));
    return [scope, all.sort(byPlace)];
  });
  return { networks: new Map(complete), others, training };
}

/** Lowest layer first, in it forward before backward, in each the cells of a stack. */
function byPlace(a: Tf1Run, b: Tf1Run): number {
  const turn = (run: Tf1Run): number => (run.direction === "backward" ? 1 : 0);
  return a.layer - b.layer || turn(a) - turn(b) || a.depth - b.depth;
}

interface Place {
  /** What tells networks apart: `encoder/rnn`. */
  readonly scope: string;
  readonly run: Omit<Tf1Run, "arrays" | "names">;
  readonly array: string;
}

/** Where a variable belongs; undefined for one that is of no cell. */
function placeOf(name: string): Place | undefined {
  const parts = modernParts(name);
  const at = parts.findLastIndex((part) => cellScopes.has(withoutCount(part)));
  const cell = at < 0 ? undefined : cellScopes.get(withoutCount(parts[at]));
  if (cell === undefined || at === parts.length - 1) return undefined;
  const before = parts.slice(0, at);
  const inside = before.findIndex((part) => ["fw", "bw", "multi_rnn_cell", "stack_bidirectional_rnn"].includes(part));
  const isStack = before[inside] === "stack_bidirectional_rnn";
  const scope = before.slice(0, inside < 0 ? at : inside + (isStack ? 1 : 0));
  // A second cell in the same scope is a network of its own.
  if (parts[at] !== withoutCount(parts[at])) scope.push(parts[at]);
  const direction = before.includes("fw") ? "forward" : before.includes("bw") ? "backward" : undefined;
  const depth = numberAfter(before, "multi_rnn_cell");
  const layer = numberAfter(before, "stack_bidirectional_rnn");
  return { scope: scope.join("/"), run: { cell, direction, layer, depth }, array: parts.slice(at + 1).join("/") };
}

/** `cell_3` behind the scope of a stack is 3. */
function numberAfter(parts: readonly string[], scope: string): number {
  const next = parts[parts.indexOf(scope) + 1] ?? "";
  const found = parts.includes(scope) ? /^cell_?(\d{1,4})$/.exec(next) : null;
  return found === null ? 0 : Number(found[1]);
}

function withoutCount(part: string): string {
  return part.replace(/_\d+$/, "");
}

/** Names of before TensorFlow 1.2 as they were from then on. */
const renamed: ReadonlyMap<string, readonly string[]> = new Map([
  ["BasicRNNCell", ["basic_rnn_cell"]],
  ["BasicLSTMCell", ["basic_lstm_cell"]],
  ["LSTMCell", ["lstm_cell"]],
  ["GRUCell", ["gru_cell"]],
  ["MultiRNNCell", ["multi_rnn_cell"]],
  ["RNN", ["rnn"]],
  ["BiRNN", ["bidirectional_rnn"]],
  ["BiRNN_FW", ["bidirectional_rnn", "fw"]],
  ["BiRNN_BW", ["bidirectional_rnn", "bw"]],
  ["FW", ["fw"]],
  ["BW", ["bw"]],
  ["Gates", ["gates"]],
  ["Candidate", ["candidate"]],
  ["Linear", []],
  ["Matrix", ["kernel"]],
  ["Bias", ["bias"]],
  ["W_0", ["kernel"]],
  ["B", ["bias"]],
  ["W_P_0", ["projection", "kernel"]],
  ["weights", ["kernel"]],
  ["biases", ["bias"]],
  ["W_I_diag", ["w_i_diag"]],
  ["W_F_diag", ["w_f_diag"]],
  ["W_O_diag", ["w_o_diag"]],
]);

function modernParts(name: string): string[] {
  return name.split("/").flatMap((part) => renamed.get(part) ?? [part.replace(/^Cell(\d+)$/, "cell_$1")]);
}
