/**
 * A TensorFlow Lite file as plain data: graphs of tensors and operators, as schema.fbs of TensorFlow Lite says (slots are
 * the order of its fields). Not here: what operators compute (`operators.ts`).
 */
import { type ElementType, elementBytes, viewElements } from "../elements.ts";
import type { HostTensor } from "../hostTensor.ts";
import { quoted } from "../quoted.ts";
import {
  bytesOf,
  damaged,
  type FlatTable,
  innerTable,
  lengthOf,
  rootTable,
  scalarOf,
  tablesOf,
  textOf,
  wholesOf,
} from "./flatbuffer.ts";

export interface TfliteTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** The shape as the model declares it: -1 is a free size. */
  readonly signature: readonly number[];
  /** The number of its element type, see `typeNames`. */
  readonly type: number;
  /** Whether it keeps its value from one run to the next. */
  readonly isVariable: boolean;
  /** Of a constant its bytes; undefined for what is computed. */
  readonly data: Uint8Array | undefined;
  /** Whether its numbers are scaled whole ones. */
  readonly isQuantised: boolean;
}

export interface TfliteOperator {
  /** `UNIDIRECTIONAL_SEQUENCE_LSTM`; of one of the user's own its name. */
  readonly kind: string;
  /** Indices of tensors; -1 for an input that is left out. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly options: FlatTable | undefined;
}

export interface TfliteGraph {
  readonly tensors: readonly TfliteTensor[];
  readonly operators: readonly TfliteOperator[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

export interface TfliteFile {
  readonly version: number;
  readonly description: string;
  readonly graphs: readonly TfliteGraph[];
}

/** Element types by their numbers, as people call them. */
export const typeNames: readonly string[] = [
  "float32",
  "float16",
  "int32",
  "uint8",
  "int64",
  "string",
  "bool",
  "int16",
  "complex64",
  "int8",
  "float64",
];

const elementTypes: ReadonlyMap<number, ElementType> = new Map<number, ElementType>([
  [0, "float32"],
  [1, "float16"],
  [2, "int32"],
  [3, "uint8"],
  [4, "int64"],
  [6, "bool"],
  [7, "int16"],
  [9, "int8"],
  [10, "float64"],
]);

/** The operators that are read, and those that people meet beside them, by their numbers. */
const kinds: ReadonlyMap<number, string> = new Map([
  [0, "ADD"],
  [2, "CONCATENATION"],
  [3, "CONV_2D"],
  [6, "DEQUANTIZE"],
  [7, "EMBEDDING_LOOKUP"],
  [9, "FULLY_CONNECTED"],
  [14, "LOGISTIC"],
  [16, "LSTM"],
  [17, "MAX_POOL_2D"],
  [18, "MUL"],
  [19, "RELU"],
  [21, "RELU6"],
  [22, "RESHAPE"],
  [25, "SOFTMAX"],
  [28, "TANH"],
  [32, "CUSTOM"],
  [34, "PAD"],
  [35, "UNIDIRECTIONAL_SEQUENCE_RNN"],
  [36, "GATHER"],
  [39, "TRANSPOSE"],
  [40, "MEAN"],
  [41, "SUB"],
  [43, "SQUEEZE"],
  [44, "UNIDIRECTIONAL_SEQUENCE_LSTM"],
  [45, "STRIDED_SLICE"],
  [46, "BIDIRECTIONAL_SEQUENCE_RNN"],
  [49, "SPLIT"],
  [52, "BIDIRECTIONAL_SEQUENCE_LSTM"],
  [53, "CAST"],
  [65, "SLICE"],
  [70, "EXPAND_DIMS"],
  [77, "SHAPE"],
  [83, "PACK"],
  [88, "UNPACK"],
  [94, "FILL"],
  [98, "LEAKY_RELU"],
  [105, "REVERSE_V2"],
  [111, "ELU"],
  [114, "QUANTIZE"],
  [119, "WHILE"],
  [150, "GELU"],
]);

const mostAxes = 16;

/** Reads a file's structure. Weights stay where they are. */
export function readTflite(bytes: Uint8Array, where: string): TfliteFile {
  const root = rootTable(bytes, "TFL3", where);
  const codes = tablesOf(root, 1).map(readCode);
  const buffers = tablesOf(root, 4).map((buffer) => readBuffer(buffer, where));
  const graphs = tablesOf(root, 2).map((graph) => readGraph(graph, codes, buffers));
  if (graphs.length === 0) throw damaged({ where }, "a graph", "none");
  return { version: scalarOf(root, 0, "u32"), description: textOf(root, 3), graphs };
}

/** An old field of one byte and a new one of four: the larger is meant. */
function readCode(code: FlatTable): string {
  const number = Math.max(scalarOf(code, 0, "i8"), scalarOf(code, 3, "i32"));
  const kind = kinds.get(number) ?? `operator ${number}`;
  return kind === "CUSTOM" ? textOf(code, 1) : kind;
}

/** Large files keep their data behind the FlatBuffer, at an offset. */
function readBuffer(buffer: FlatTable, where: string): Uint8Array {
  const { bytes } = buffer.file;
  const [offset, size] = [scalarOf(buffer, 1, "u64"), scalarOf(buffer, 2, "u64")];
  if (offset <= 1) return bytesOf(buffer, 0) ?? new Uint8Array(0);
  if (offset + size > bytes.length)
    throw damaged({ where }, `data up to byte ${offset + size}`, `${bytes.length} bytes`);
  return bytes.subarray(offset, offset + size);
}

function readGraph(graph: FlatTable, codes: readonly string[], buffers: readonly Uint8Array[]): TfliteGraph {
  const { file } = graph;
  const tensors = tablesOf(graph, 0).map((tensor) => readTensor(tensor, buffers));
  const checked = (indices: readonly number[]): readonly number[] => {
    if (indices.every((index) => index >= -1 && index < tensors.length)) return indices;
    throw damaged(file, `indices of tensors below ${tensors.length}`, "another one");
  };
  const operators = tablesOf(graph, 3).map((operator): TfliteOperator => {
    const kind = codes[scalarOf(operator, 0, "u32")];
    if (kind === undefined) throw damaged(file, `an operator of ${codes.length} kinds`, "another one");
    const [inputs, outputs] = [wholesOf(operator, 1) ?? [], wholesOf(operator, 2) ?? []];
    return { kind, inputs: checked(inputs), outputs: checked(outputs), options: innerTable(operator, 4) };
  });
  return {
    tensors,
    operators,
    inputs: checked(wholesOf(graph, 1) ?? []),
    outputs: checked(wholesOf(graph, 2) ?? []),
  };
}

function readTensor(tensor: FlatTable, buffers: readonly Uint8Array[]): TfliteTensor {
  const { file } = tensor;
  if (lengthOf(tensor, 0) > mostAxes) throw damaged(file, `shapes of at most ${mostAxes} axes`, "more");
  const shape = wholesOf(tensor, 0) ?? [];
  const signature = lengthOf(tensor, 7) === shape.length ? (wholesOf(tensor, 7) ?? shape) : shape;
  const buffer = scalarOf(tensor, 2, "u32");
  if (buffer >= Math.max(1, buffers.length)) throw damaged(file, `a buffer below ${buffers.length}`, `${buffer}`);
  const data = buffers[buffer];
  const quantisation = innerTable(tensor, 4);
  return {
    name: textOf(tensor, 3),
    shape,
    signature,
    type: scalarOf(tensor, 1, "i8"),
    isVariable: scalarOf(tensor, 5, "bool") !== 0,
    data: data === undefined || data.length === 0 ? undefined : data,
    isQuantised: quantisation !== undefined && lengthOf(quantisation, 2) > 0,
  };
}

/** The numbers of a constant. A view of the file where it is float32. */
export function constantOf({ name, shape, type, data }: TfliteTensor, where: string): HostTensor {
  const own = `${where}: tensor ${quoted(name)}`;
  const element = elementTypes.get(type);
  const needed = shape.reduce(
    (product, size) => product * size,
    element === undefined ? Number.NaN : elementBytes(element),
  );
  if (element === undefined || data === undefined || data.length !== needed || shape.some((size) => size < 0)) {
    throw damaged({ where: own }, `${needed} bytes of data for its shape`, `${data?.length ?? "none"}`);
  }
  return { shape, ...viewElements(element, data, own) };
}
