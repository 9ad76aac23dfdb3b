/**
 * An ONNX graph while it is written: its nodes, its constants, each once, and names that are used once. Knows nothing of
 * Recurve's ops; those are spelled in `spell.ts` and the files beside it.
 */
import type { DType, HostArray } from "../../../base/dtypes.ts";
import { encodeElements } from "../../elements.ts";
import type { HostTensor } from "../../hostTensor.ts";
import type { OnnxAttribute, OnnxNode, OnnxTensor } from "../messages.ts";

/** Attributes of a node by name. */
export type Attributes = Readonly<Record<string, OnnxAttribute["value"]>>;

export interface NodeOptions {
  readonly attributes?: Attributes;
  /** The names of its results: made up where there is none, left out where it is "". */
  readonly outputs?: readonly (string | undefined)[];
  /** Its name, if not scope and operator. */
  readonly name?: string;
}

/** What Slice takes for "up to the end", and backwards "up to the beginning". */
export const [lowest, highest] = [-(2n ** 63n), 2n ** 63n - 1n];

/** Names, each given out once. */
class Names {
  /** How often each was asked for. */
  readonly #counts = new Map<string, number>();

  take(wanted: string): string {
    for (;;) {
      const count = this.#counts.get(wanted) ?? 0;
      this.#counts.set(wanted, count + 1);
      const name = count === 0 ? wanted : `${wanted}_${count}`;
      if (count === 0) return name;
      if (this.#counts.has(name)) continue;
      this.#counts.set(name, 1);
      return name;
    }
  }
}

/** Collects nodes and initialisers. One for a file; the body of a loop is a list of nodes of its own. */
export class Writer {
  readonly opset: number;
  readonly initializers: OnnxTensor[] = [];
  /** The path of the layer whose nodes follow. */
  scope = "";
  readonly #root: OnnxNode[] = [];
  #nodes: OnnxNode[] = this.#root;
  readonly #values = new Names();
  readonly #nodeNames = new Names();
  readonly #constants = new Map<string, string>();

  constructor(opset: number) {
    this.opset = opset;
  }

  /** The nodes of the whole graph. */
  get nodes(): readonly OnnxNode[] {
    return this.#root;
  }

  /** A name that no value has yet: `wanted`, or `wanted_1`, ... */
  name(wanted: string): string {
    return this.#values.take(wanted);
  }

  /** The same for nodes, whose names are not those of values. */
  nodeName(wanted: string): string {
    return this.#nodeNames.take(wanted);
  }

  /** Adds a node and returns the names of its results, one if nothing is said of them. */
  node(op: string, inputs: readonly string[], { attributes = {}, outputs = [undefined], name }: NodeOptions = {}) {
    const own = name ?? this.name(this.scope === "" ? op : `${this.scope}/${op}`);
    const results = outputs.map(
      (given, i) => given ?? (i === 0 && name === undefined ? own : this.name(`${own}.${i}`)),
    );
    this.#nodes.push({
      name: own,
      opType: op,
      domain: "",
      inputs: withoutEnd(inputs),
      outputs: withoutEnd(results),
      attributes: Object.entries(attributes).map(([key, value]) => ({ name: key, value })),
    });
    return results;
  }

  /** The same for a node with one result. */
  one(op: string, inputs: readonly string[], attributes: Attributes = {}): string {
    return this.node(op, inputs, { attributes })[0];
  }

  /** The nodes that `write` adds, as a list of their own. */
  body(write: () => void): readonly OnnxNode[] {
    const before = this.#nodes;
    const nodes: OnnxNode[] = [];
    this.#nodes = nodes;
    write();
    this.#nodes = before;
    return nodes;
  }

  /** Whether a node of the graph or body that is being written has this result. */
  hasMade(name: string): boolean {
    return this.#nodes.some(({ outputs }) => outputs.includes(name));
  }

  /** Calls results by other names, wherever they are made and read. */
  rename(names: ReadonlyMap<string, string>): void {
    const all = (list: readonly string[]): readonly string[] => list.map((name) => names.get(name) ?? name);
    const renamed = (node: OnnxNode): OnnxNode => ({
      ...node,
      inputs: all(node.inputs),
      outputs: all(node.outputs),
      attributes: node.attributes.map(({ name, value }) => ({
        name,
        value:
          value.kind === "graph"
            ? { kind: "graph", value: { ...value.value, nodes: value.value.nodes.map(renamed) } }
            : value,
      })),
    });
    this.#root.splice(0, this.#root.length, ...this.#root.map(renamed));
  }

  /** Adds nodes in front of the outermost loop that is being written: what they compute is known in its body. */
  outside<R>(write: () => R): R {
    const [before, scope] = [this.#nodes, this.scope];
    this.#nodes = this.#root;
    this.scope = "";
    const result = write();
    this.#nodes = before;
    this.scope = scope;
    return result;
  }

  /** A tensor of the file under this very name. */
  initializer(name: string, dtype: DType, dims: readonly number[], data: HostArray): string {
    this.initializers.push({ name, elementType: dtype, dims, data: encodeElements(dtype, data) });
    return name;
  }

  /** The same for a tensor that several nodes read: it is added once. */
  shared(name: string, { dtype, shape, data }: HostTensor): string {
    return this.#once(`shared ${name}`, name, (own) => this.initializer(own, dtype, shape, data));
  }

  /** A constant without a name of its own; equal ones are one. */
  constant(dtype: DType, dims: readonly number[], data: HostArray): string {
    const number = dtype === "float32" && Number.isInteger(data[0]) ? `${data[0]}.0` : `${data[0]}`;
    return this.#once(`${dtype}[${dims}]${data}`, dims.length === 0 ? number : "constant", (name) =>
      this.initializer(name, dtype, dims, data),
    );
  }

  /** A list of whole numbers as shapes and axes are given, int64. */
  int64s(values: readonly (number | bigint)[]): string {
    const shown = values.map((value) => (value === highest ? "end" : value === lowest ? "begin" : value));
    return this.#once(`int64[${values}]`, `[${shown}]`, (name) => {
      const data = new DataView(new ArrayBuffer(8 * values.length));
      for (const [i, value] of values.entries()) data.setBigInt64(8 * i, BigInt(value), true);
      this.initializers.push({ name, elementType: "int64", dims: [values.length], data: new Uint8Array(data.buffer) });
    });
  }

  #once(key: string, wanted: string, add: (name: string) => void): string {
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const name = this.name(wanted);
    this.#constants.set(key, name);
    add(name);
    return name;
  }
}

/** Without what is left out at the end. */
function withoutEnd(names: readonly string[]): readonly string[] {
  const last = names.findLastIndex((name) => name !== "");
  return names.slice(0, last + 1);
}
