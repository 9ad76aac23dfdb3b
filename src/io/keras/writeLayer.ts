/** A layer of Recurve as Keras' configuration of it, by the rows that read it. What Keras does not compute is refused. */
import { UnsupportedError } from "../../base/errors.ts";
import type { Json } from "../../nn/index.ts";
import { quoted } from "../quoted.ts";
import { cellRows, drivingOptions, type LayerRow, layerRows, type OptionRow } from "./rows.ts";

type Options = Readonly<Record<string, Json>>;

/** What a definition says of a layer or cell. */
interface Defined {
  readonly kind: string;
  readonly options: Options;
}

export interface KerasObject {
  readonly module: string;
  readonly class_name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly registered_name: string | null;
}

/** What is said of a layer by the calls of it. */
export interface Use {
  readonly returnsState: boolean;
  /** Whether the outputs of a bidirectional layer's directions are read, and not what they make together. */
  readonly isApart: boolean;
}

const plainUse: Use = { returnsState: false, isApart: false };

/** Options that change numbers and that Keras does not have, with the only values that it computes. */
const onlyHere: Readonly<Record<string, readonly Json[]>> = {
  layerNorm: [false],
  clip: [null],
  usePeepholes: [false],
  coupledGates: [false],
  projectionUnits: [null],
  cellClip: [null],
  projectionClip: [null],
  candidateDropout: [0],
  initialState: ["zeros"],
};

/** The layer for Keras. `where` begins the sentences of errors. */
export function writeLayer({ kind, options }: Defined, name: string, where: string, use: Use = plainUse): KerasObject {
  const at = `${where}: layer ${quoted(name)}`;
  switch (kind) {
    case "rnn":
      return writeRnn(options, name, at, use);
    case "bidirectional":
      return writeBidirectional(options, name, at, use);
    case "timeDistributed": {
      const inner = options.layer as unknown as Defined & { readonly name?: string };
      const layer = writeLayer(inner, inner.name ?? "layer", at);
      return object("TimeDistributed", { ...head(name), layer });
    }
    case "activation": {
      const chosen = options.activation as Json;
      const own = typeof chosen === "object" && chosen !== null ? (chosen as { readonly [key: string]: Json }) : {};
      if (own.name === "leakyRelu") return object("LeakyReLU", { ...head(name), negative_slope: own.negativeSlope });
      if (own.name === "elu") return object("ELU", { ...head(name), alpha: own.alpha });
    }
  }
  const found = Object.entries(layerRows).find(([, row]) => row.kind === kind);
  if (found === undefined) {
    throw new UnsupportedError(
      `${at}: expected a layer that Keras has, got ${quoted(kind)}. Write a safetensors or ONNX file instead, which hold any model.`,
      { kind },
    );
  }
  const [className, row] = found;
  const driving = "returnSequences" in options ? { return_state: use.returnsState } : {};
  return object(className, { ...head(name), ...writeOptions(row, options, at), ...driving });
}

function head(name: string): Record<string, unknown> {
  return { name, trainable: true, dtype: "float32" };
}

function object(className: string, config: Readonly<Record<string, unknown>>): KerasObject {
  return { module: "keras.layers", class_name: className, config, registered_name: null };
}

function writeOptions(
  { options: rows }: Pick<LayerRow, "options">,
  options: Options,
  at: string,
): Record<string, unknown> {
  for (const [name, allowed] of Object.entries(onlyHere)) {
    const value = options[name];
    if (value === undefined || allowed.includes(value)) continue;
    throw new UnsupportedError(
      `${at}: expected ${name}: ${JSON.stringify(allowed[0])}, which is all that Keras computes, got ${JSON.stringify(value)}. Write a safetensors or ONNX file instead.`,
      { option: name },
    );
  }
  return writeRows(rows, options, at);
}

function writeRows(rows: Readonly<Record<string, OptionRow>>, options: Options, at: string): Record<string, unknown> {
  const config: Record<string, unknown> = {};
  for (const [name, { option, rule }] of Object.entries(rows)) {
    const own = option === undefined ? null : options[option];
    if (own === undefined) continue;
    const value = inNameOf(`${at}, ${name}`, () => rule.write(own));
    if (value !== undefined) config[name] = value;
  }
  return config;
}

function inNameOf<V>(at: string, write: () => V): V {
  try {
    return write();
  } catch (error) {
    if (error instanceof UnsupportedError) throw new UnsupportedError(`${at}: ${error.message}`, error.data);
    throw error;
  }
}

function writeRnn({ cell, ...options }: Options, name: string, at: string, { returnsState }: Use): KerasObject {
  const { dropout = 0, recurrentDropout = 0 } = options;
  const inner = writeCell(cell as unknown as Defined, "cell", at, { dropout, recurrentDropout });
  const config = {
    ...head(name),
    cell: inner,
    ...writeOptions({ options: drivingOptions }, options, at),
    return_state: returnsState,
  };
  return object("RNN", config);
}

function writeCell({ kind, options }: Defined, name: string, at: string, rates: Options): KerasObject {
  if (kind === "stack") {
    if (rates.dropout !== 0 || rates.recurrentDropout !== 0) {
      throw new UnsupportedError(
        `${at}: expected no dropout around a stack of cells, which Keras does not have, got some. Set dropout to 0 before writing: it acts in training only.`,
      );
    }
    const cells = Object.values(options.cells as unknown as Readonly<Record<string, Defined>>);
    return object("StackedRNNCells", {
      ...head(name),
      cells: cells.map((cell, i) => writeCell(cell, `${name}_${i}`, at, rates)),
    });
  }
  const found = Object.entries(cellRows).find(([, row]) => row.kind === kind);
  if (found === undefined) {
    throw new UnsupportedError(
      `${at}: expected a cell that Keras has (${Object.keys(cellRows).join(", ")}), got ${quoted(kind)}. Write a safetensors or ONNX file instead, which hold any cell.`,
      { kind },
    );
  }
  const [className, row] = found;
  return object(className, { ...head(name), ...writeOptions(row, { ...options, ...rates }, at) });
}

function writeBidirectional(options: Options, name: string, at: string, { returnsState, isApart }: Use): KerasObject {
  const { layer, backwardLayer, mergeMode } = options as unknown as {
    readonly layer: Defined;
    readonly backwardLayer?: Defined;
    readonly mergeMode: string;
  };
  const use = { returnsState, isApart: false };
  return object("Bidirectional", {
    ...head(name),
    layer: writeLayer(layer, `forward_${name}`, at, use),
    ...(backwardLayer === undefined ? {} : { backward_layer: writeLayer(backwardLayer, `backward_${name}`, at, use) }),
    merge_mode: isApart ? null : mergeMode,
  });
}
