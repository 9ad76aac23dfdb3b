/**
 * Graph -> loop program. Elementwise ops, shape ops and the like are computed where they are read; products,
 * reductions and scans write to memory; what is written goes straight to its place (a part of a concatenation, a slot
 * of a scan's results, an output). Read `graph.ts` next, then `schedule.ts`.
 */
import { internal } from "../../base/errors.ts";
import { sizeOf } from "../../base/shapes.ts";
import type { Graph } from "../../graph/graph.ts";
import { again } from "../../passes/again.ts";
import { flat } from "../../passes/flat.ts";
import { outer } from "../../passes/outer.ts";
import { sizesOf, usedBuffers } from "../collect.ts";
import type { Program } from "../ir.ts";
import { type Machine, simd128 } from "../machine.ts";
import { meet } from "../team.ts";
import { Context, memoryScalar } from "./context.ts";
import { emitRules } from "./emits.ts";
import { GraphLowering } from "./graph.ts";
import type { Destination } from "./schedule.ts";
import type { Source } from "./values.ts";
import { wholeView } from "./view.ts";

/** An output that is kept in the buffer of an input, such as a variable that the program updates. */
export interface Alias {
  readonly output: number;
  readonly input: number;
}

export interface LowerOptions {
  readonly aliases?: readonly Alias[];
  /** What the program is to run on; four lanes and one thread if not given. */
  readonly machine?: Machine;
}

/** Lowers a graph. Inputs and outputs of the program are those of the graph, in order. */
export function lower(given: Graph, options: LowerOptions = {}): Program {
  const graph = again(flat(outer(given)));
  const machine = options.machine ?? simd128;
  const context = new Context(machine);
  const program = write(graph, options, context);
  const { team } = context;
  if (team === undefined) return program;
  const body = context.gain() < 8 * machine.grain ? undefined : meet(program.body, team, new Set(context.long.keys()));
  if (body === undefined) return write(graph, options, new Context({ ...machine, threads: 1 }));
  return { ...program, team, body };
}

function write(graph: Graph, options: LowerOptions, context: Context): Program {
  const aliases = checkAliases(graph, options.aliases ?? []);
  const sources = graph.inputs.map(({ name, value }, position): Source => {
    const output = aliases.find((a) => a.input === position)?.output;
    const role =
      output === undefined
        ? ({ kind: "input", position } as const)
        : ({ kind: "inout", input: position, output } as const);
    return { view: wholeView(context.buffer(name, memoryScalar(value.dtype), sizeOf(value.shape), role), value.shape) };
  });
  const destinations = graph.outputs.map((value, position): Destination => {
    const alias = aliases.find((a) => a.output === position);
    if (alias !== undefined) {
      return {
        view: wholeView(context.temp("next", value.dtype, value.shape), value.shape),
        overwrites: graph.inputs[alias.input].value,
      };
    }
    const buffer = context.buffer(`out${position}`, memoryScalar(value.dtype), sizeOf(value.shape), {
      kind: "output",
      position,
    });
    return { view: wholeView(buffer, value.shape) };
  });
  const lowering = new GraphLowering(emitRules, context, graph, sources, destinations, context.team !== undefined);
  const body = lowering.run();
  return {
    name: graph.name,
    buffers: usedBuffers(context.buffers, body),
    sizes: sizesOf(body),
    checks: context.checks,
    body,
  };
}

function checkAliases(graph: Graph, aliases: readonly Alias[]): readonly Alias[] {
  for (const { input, output } of aliases) {
    const [from, to] = [graph.inputs[input]?.value, graph.outputs[output]];
    if (from === undefined || to === undefined || from.dtype !== to.dtype)
      internal("an alias of an input and an output that do not fit", { graph: graph.name, input, output });
    if (aliases.some((a) => (a.input === input) !== (a.output === output)))
      internal("an input or output is aliased twice", { graph: graph.name, input, output });
  }
  return aliases;
}
