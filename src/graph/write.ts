/**
 * A graph as text that is equal for equal graphs, to be a key: values are numbered in their order, so that it does not
 * depend on when a graph was made. The elements of constants stand beside the text. Not for readers: `print.ts` is.
 */
import { formatDim, isSymbolic } from "../base/dims.ts";
import type { HostArray } from "../base/dtypes.ts";
import type { Graph, Node, Value } from "./graph.ts";

export interface GraphText {
  readonly text: string;
  /** The elements of constants, in the order in which the text names them. */
  readonly data: readonly HostArray[];
}

export interface WriteOptions {
  /** Whether names of inputs and layers count, which appear in code and messages; if not, only what is computed. */
  readonly names: boolean;
}

/** The whole of a graph, with the bodies in it. */
export function writeGraph(graph: Graph, { names }: WriteOptions): GraphText {
  const writer = new Writer(names);
  writer.graph(graph);
  return { text: writer.text, data: writer.data };
}

class Writer {
  text = "";
  readonly data: HostArray[] = [];
  readonly #names: boolean;
  readonly #numbers = new Map<Value, number>();

  constructor(names: boolean) {
    this.#names = names;
  }

  graph({ name, inputs, nodes, outputs }: Graph): void {
    if (this.#names) this.text += JSON.stringify(name);
    this.text += "(";
    for (const input of inputs) {
      if (this.#names) this.text += JSON.stringify(input.name);
      this.#result(input.value);
    }
    this.text += "){";
    for (const node of nodes) this.#node(node);
    this.text += "}";
    for (const value of outputs) this.#operand(value);
  }

  #node({ op, params, ins, outs, scope }: Node): void {
    this.text += `\n${op}`;
    if (this.#names && scope !== "") this.text += JSON.stringify(scope);
    this.#parameters(params);
    for (const value of ins) this.#operand(value);
    for (const value of outs) this.#result(value);
  }

  #operand(value: Value): void {
    this.text += ` ${this.#numbers.get(value)}`;
  }

  #result(value: Value): void {
    this.#numbers.set(value, this.#numbers.size);
    this.text += `:${value.dtype}`;
    this.#parameter(value.shape);
  }

  #parameters(params: object): void {
    this.text += "<";
    for (const [name, value] of Object.entries(params)) {
      if (value === undefined) continue;
      this.text += `${name}=`;
      this.#parameter(value);
      this.text += ";";
    }
    this.text += ">";
  }

  #parameter(value: unknown): void {
    if (typeof value === "number") this.text += exactly(value);
    else if (typeof value !== "object" || value === null) this.text += JSON.stringify(value);
    else if (Array.isArray(value)) {
      this.text += "[";
      for (const item of value) {
        this.#parameter(item);
        this.text += ",";
      }
      this.text += "]";
    } else if (value instanceof Float32Array || value instanceof Int32Array) {
      this.data.push(value);
      this.text += `#${value.length}`;
    } else if ("nodes" in value) this.graph(value as Graph);
    // A free size may be called as a number is written.
    else if ("terms" in value && isSymbolic(value as never)) this.text += `{${formatDim(value as never)}}`;
    else this.#parameters(value);
  }
}

/** A number as text: JSON has no infinity, no NaN and no -0. */
export function exactly(x: number): string {
  return Object.is(x, -0) ? "-0" : String(x);
}
