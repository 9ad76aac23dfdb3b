/**
 * A graph of ONNX as a function of tensors: node after node, each by its operator's rule, inside of a trace. What the
 * operators mean is in `ops/`; nothing here runs.
 */
import { FormatError, RecurveError, UnsupportedError } from "../../base/errors.ts";
import { withScope } from "../../trace/index.ts";
import { shortened } from "../quoted.ts";
import type { OnnxAttribute, OnnxFunction, OnnxGraph, OnnxNode } from "./messages.ts";
import { knownOf, type Value } from "./value.ts";

/** What all graphs of a file share. */
export interface Program {
  readonly where: string;
  /** The version of the operators of ONNX itself. */
  readonly version: number;
  readonly functions: ReadonlyMap<string, OnnxFunction>;
  /** What operators make of their inputs: `ops/table.ts`, whose rules come back here for the graphs in nodes. */
  readonly ruleOf: (node: OnnxNode) => Rule | undefined;
}

/** What an operator makes of its inputs. */
export type Rule = (call: Call) => readonly (Value | undefined)[];

/** The names that nodes of a graph can read: its own, and those of the graphs around it. */
export class Scope {
  readonly program: Program;
  readonly parent: Scope | undefined;
  readonly depth: number;
  readonly #values = new Map<string, Value>();

  constructor(program: Program, parent?: Scope, depth = parent === undefined ? 0 : parent.depth + 1) {
    this.program = program;
    this.parent = parent;
    this.depth = depth;
    if (this.depth > 64)
      throw new FormatError(
        `${program.where}: expected graphs at most 64 deep, got deeper ones. Give a smaller model.`,
      );
  }

  set(name: string, value: Value): void {
    this.#values.set(name, value);
  }

  /** The value of a name. */
  get(name: string, where: string): Value {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.parent) {
      const value = scope.#values.get(name);
      if (value !== undefined) return value;
    }
    throw new FormatError(
      `${where}: expected a value named "${shortened(name)}", which no node before it makes. The file is damaged; export it again.`,
      { name },
    );
  }
}

/** A node, with what its inputs are. */
export interface Call {
  /** Begins the sentence of an error: the file, the node and its operator. */
  readonly where: string;
  readonly node: OnnxNode;
  readonly version: number;
  /** Undefined where one is left out. */
  readonly ins: readonly (Value | undefined)[];
  readonly scope: Scope;
}

/** Runs the nodes of a graph in a scope that has its inputs, and returns its outputs. */
export function evaluateGraph(graph: OnnxGraph, scope: Scope): readonly Value[] {
  const { where } = scope.program;
  // Weights of the whole model are in the scope already, as what may change.
  if (scope.depth > 0) for (const tensor of graph.initializers) scope.set(tensor.name, knownOf(tensor, where));
  for (const node of graph.nodes) evaluateNode(node, scope);
  return graph.outputs.map(({ name }) => scope.get(name, `${where}: outputs of the graph`));
}

/** A graph inside of a node, with its inputs. */
export function evaluateInner(graph: OnnxGraph, ins: readonly Value[], { scope, where }: Call): readonly Value[] {
  const inner = new Scope(scope.program, scope);
  if (graph.inputs.length !== ins.length)
    throw new FormatError(
      `${where}: expected a graph of ${ins.length} inputs, got ${graph.inputs.length}. The file is damaged; export it again.`,
    );
  for (const [i, { name }] of graph.inputs.entries()) inner.set(name, ins[i]);
  return evaluateGraph(graph, inner);
}

/** What a node is called in sentences: its own name, or that of its first result. */
export function nodeName({ name, outputs }: OnnxNode): string {
  return shortened(name !== "" ? name : (outputs[0] ?? ""));
}

/** A node with its inputs in a scope. */
export function callOf(node: OnnxNode, scope: Scope): Call {
  const where = `${scope.program.where}: node "${nodeName(node)}" (${shortened(node.opType)})`;
  const ins = node.inputs.map((name) => (name === "" ? undefined : scope.get(name, where)));
  return { where, node, version: scope.program.version, ins, scope };
}

/** Puts the results of a node into a scope that has its inputs. */
export function evaluateNode(node: OnnxNode, scope: Scope): void {
  const call = callOf(node, scope);
  const { where } = call;
  const outs = withScope(nodeName(node), () => inNameOf(where, () => resultsOf(call)));
  for (const [i, name] of node.outputs.entries()) {
    if (name === "") continue;
    const out = outs[i];
    if (out !== undefined) scope.set(name, out);
    else
      throw new UnsupportedError(
        `${where}: expected at most ${outs.length} results, got a use of result ${i + 1}. Recurve does not compute it; leave it out of the model.`,
      );
  }
}

function resultsOf(call: Call): readonly (Value | undefined)[] {
  const { node, scope } = call;
  const own = scope.program.functions.get(functionKey(node.domain, node.opType));
  if (own !== undefined) return callFunction(own, call);
  const rule = scope.program.ruleOf(node);
  if (rule !== undefined) return rule(call);
  throw new UnsupportedError(
    `${call.where}: expected an operator that Recurve has, got ${shortened(node.opType)} of "${shortened(node.domain) || "ai.onnx"}". Export the model without it.`,
    { op: node.opType, domain: node.domain },
  );
}

export function functionKey(domain: string, name: string): string {
  return `${domain === "ai.onnx" ? "" : domain}:${name}`;
}

/** A function of the model's own, whose nodes see nothing around it. */
function callFunction(own: OnnxFunction, { node, ins, scope, where }: Call): readonly Value[] {
  const onnx = own.opsets.find(({ domain }) => domain === "" || domain === "ai.onnx");
  const program = { ...scope.program, version: onnx?.version ?? scope.program.version };
  // Deeper than the caller, so that functions that call each other come to an end.
  const inner = new Scope(program, undefined, scope.depth + 1);
  for (const [i, name] of own.inputs.entries()) {
    const value = ins[i];
    if (value !== undefined) inner.set(name, value);
  }
  const given = new Map([...own.defaults, ...node.attributes].map((one) => [one.name, one]));
  for (const one of own.nodes) evaluateNode(withAttributes(one, given), inner);
  return own.outputs.map((name) => inner.get(name, where));
}

/** A node of a function, with the attributes of its caller where it speaks of them. */
function withAttributes(node: OnnxNode, given: ReadonlyMap<string, OnnxAttribute>): OnnxNode {
  const attributes = node.attributes.flatMap(({ name, value }): OnnxAttribute[] => {
    if (value.kind !== "reference") return [{ name, value }];
    const found = given.get(value.value);
    return found === undefined ? [] : [{ name, value: found.value }];
  });
  return { ...node, attributes };
}

/** Puts the node before the sentence of an error that does not name it yet. */
function inNameOf<R>(where: string, run: () => R): R {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof RecurveError) || error.message.startsWith(where.split(":")[0])) throw error;
    const Class = error.constructor as new (message: string, data: RecurveError["data"]) => RecurveError;
    throw new Class(`${where}: ${error.message}`, error.data);
  }
}
