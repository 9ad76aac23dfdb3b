/**
 * Common subexpressions: of nodes with the same op, parameters and operands only the first stays. Also inside bodies;
 * the bodies of two scans are the same only if they are one object. Every op is pure, `random` too.
 */
import { isSymbolic } from "../base/dims.ts";
import type { Graph, Node, Value } from "../graph/graph.ts";
import type { OpName } from "../graph/ops.ts";
import { rewrite } from "./rewrite.ts";

const commutative: ReadonlySet<OpName> = new Set<OpName>(["add", "mul", "max", "min", "equal", "and", "or"]);

/** Constants of more elements are the same only if they are one array. */
const comparedElements = 64;

/** Computes what is the same once. */
export function cse(graph: Graph): Graph {
  const numbers = new Map<object, number>();
  const identify = (object: object): string => {
    const known = numbers.get(object) ?? numbers.size;
    numbers.set(object, known);
    return `#${known}`;
  };
  return rewrite(graph, () => {
    const first = new Map<string, readonly Value[]>();
    return (node) => {
      const key = keyOf(node, identify);
      const outs = first.get(key);
      if (outs === undefined) first.set(key, node.outs);
      return outs;
    };
  });
}

function keyOf({ op, params, ins }: Node, identify: (object: object) => string): string {
  const ids = ins.map(({ id }) => id);
  if (commutative.has(op)) ids.sort((a, b) => a - b);
  return `${op}(${ids.join()})${write(params, identify)}`;
}

/** A text that is the same for equal parameters. */
function write(value: unknown, identify: (object: object) => string): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? "-0" : String(value);
  if (Array.isArray(value)) return `[${value.map((item) => write(item, identify)).join()}]`;
  if (ArrayBuffer.isView(value)) return writeData(value as Float32Array | Int32Array, identify);
  if ("terms" in value && isSymbolic(value as never)) return `{${(value as unknown as { key: string }).key}}`;
  if ("nodes" in value) return identify(value);
  return Object.entries(value)
    .map(([name, item]) => `${name}=${write(item, identify)}`)
    .join();
}

function writeData(data: Float32Array | Int32Array, identify: (object: object) => string): string {
  if (data.length > comparedElements) return identify(data);
  return `[${Array.from(data, (element) => write(element, identify)).join()}]`;
}
