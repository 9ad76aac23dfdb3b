/**
 * Sizes of axes in an ONNX file: names in the types of inputs and outputs, and, where a size is needed as a number that
 * only the call knows, `Shape` of an input and arithmetic of int64. Each is computed once, in front of all loops.
 */
import { type Dim, isSymbolic, type SymbolicDim, symbolsOf, type Term } from "../../../base/dims.ts";
import { internal } from "../../../base/errors.ts";
import type { Shape } from "../../../base/shapes.ts";
import { elementNames } from "../tensors.ts";
import type { Writer } from "./writer.ts";

/** Where a free size can be read: an axis of an input of the file. */
export interface SizeSource {
  readonly input: string;
  readonly axis: number;
}

/** What the batch and the time axis are called in files. */
const knownNames: Readonly<Record<string, string>> = { b: "batch", t: "time" };

/** The sizes of one file. */
export class Sizes {
  readonly #writer: Writer;
  readonly #sources: ReadonlyMap<string, SizeSource>;
  readonly #known = new Map<string, string>();

  constructor(writer: Writer, sources: ReadonlyMap<string, SizeSource>) {
    this.#writer = writer;
    this.#sources = sources;
  }

  /** A size as types have it: a number, or words. */
  inType(dim: Dim): number | string {
    if (!isSymbolic(dim)) return dim;
    const names = new Set(this.#sources.keys());
    const word = (symbol: string): string => {
      const name = Object.hasOwn(knownNames, symbol) ? knownNames[symbol] : symbol;
      return names.has(name) ? symbol : name;
    };
    return dim.key.replaceAll(/[A-Za-z_?][\w?]*/g, (symbol) => (names.has(symbol) ? word(symbol) : symbol));
  }

  /** The name of an int64 [1] that holds the size. */
  one(dim: Dim): string {
    if (!isSymbolic(dim)) return this.#writer.int64s([dim]);
    return this.#once(dim.key, () => this.#compute(dim));
  }

  /** The same as a scalar of a type that Recurve has. */
  scalar(dim: Dim, dtype: "float32" | "int32"): string {
    if (!isSymbolic(dim)) {
      return this.#writer.constant(dtype, [], dtype === "int32" ? Int32Array.of(dim) : Float32Array.of(dim));
    }
    return this.#once(`${dtype} ${dim.key}`, () => {
      const size = this.#writer.one("Squeeze", [this.one(dim), this.#writer.int64s([0])]);
      return this.#writer.one("Cast", [size], { to: { kind: "int", value: elementNames.indexOf(dtype) } });
    });
  }

  /** The name of an int64 vector of sizes; -1 and 0 may stand in it, as in the shape of a Reshape. */
  vector(shape: Shape): string {
    if (!shape.some(isSymbolic)) return this.#writer.int64s(shape as readonly number[]);
    if (shape.length === 1) return this.one(shape[0]);
    const key = `[${shape.map((dim) => (isSymbolic(dim) ? dim.key : dim))}]`;
    return this.#once(key, () => {
      const parts: string[] = [];
      for (let i = 0; i < shape.length; ) {
        const from = i++;
        if (!isSymbolic(shape[from])) while (i < shape.length && !isSymbolic(shape[i])) i++;
        const run = shape.slice(from, i);
        parts.push(run.length > 1 ? this.vector(run) : this.one(run[0]));
      }
      return this.#writer.one("Concat", parts, { axis: { kind: "int", value: 0 } });
    });
  }

  #once(key: string, compute: () => string): string {
    const known = this.#known.get(key) ?? this.#writer.outside(compute);
    this.#known.set(key, known);
    return known;
  }

  #compute({ terms }: SymbolicDim): string {
    return terms.map((term) => this.#term(term)).reduce((sum, next) => this.#writer.one("Add", [sum, next]));
  }

  #term({ coefficient, factors }: Term): string {
    const values = factors.map((factor) => {
      if ("symbol" in factor) return this.#symbol(factor.symbol);
      const { floor, by } = factor;
      return this.#once(`${floor.key} / ${by}`, () =>
        this.#writer.one("Div", [this.one(floor), this.#writer.int64s([by])]),
      );
    });
    if (coefficient !== 1 || values.length === 0) values.push(this.#writer.int64s([coefficient]));
    return values.reduce((product, next) => this.#writer.one("Mul", [product, next]));
  }

  #symbol(symbol: string): string {
    const source = this.#sources.get(symbol);
    if (source === undefined) return internal(`ONNX export: no input has the size "${symbol}"`);
    return this.#once(symbol, () =>
      this.#writer.one("Shape", [source.input], {
        start: { kind: "int", value: source.axis },
        end: { kind: "int", value: source.axis + 1 },
      }),
    );
  }
}

/** Where each free size of some inputs can be read. */
export function sizeSources(inputs: readonly { readonly name: string; readonly shape: Shape }[]) {
  const sources = new Map<string, SizeSource>();
  for (const { name, shape } of inputs) {
    for (const [axis, dim] of shape.entries()) {
      const [symbol, ...more] = symbolsOf(dim);
      const isAlone = isSymbolic(dim) && more.length === 0 && dim.key === symbol;
      if (isAlone && !sources.has(symbol)) sources.set(symbol, { input: name, axis });
    }
  }
  return sources;
}
