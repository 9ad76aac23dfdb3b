/**
 * The WebAssembly target: a loop program as a module with one function for the program and one for each kernel, so
 * that functions stay small for the engine's optimising compiler and profilers show the names of graph nodes.
 */
import { formatDim } from "../../base/dims.ts";
import type { Stmt, Variable } from "../../loops/ir.ts";
import type { Emit, WasmArtefact } from "../target.ts";
import { FunctionBuilder, ModuleBuilder } from "./assembler.ts";
import { FunctionState, type ModuleState } from "./function.ts";
import { noFacts } from "./pointers.ts";
import { valType } from "./scope.ts";
import { emitBlock, type Outline } from "./statements.ts";
import { declareTeam, emitTeam, type TeamProgram } from "./team.ts";

/** Spells a program whose functions are all decomposed into arithmetic (see `loops/math.ts`). */
export const emitWasm: Emit<WasmArtefact> = (given) => {
  const module = new ModuleBuilder();
  const team = given.team === undefined ? undefined : declareTeam(module);
  const sizes = new Map(given.sizes.map((dim) => [formatDim(dim), dim]));
  const shared: ModuleState = { program: given, module, team, ids: new Map(), names: new Map(), sizes };
  const body = emitFunction(shared, given.name, given.body, given.team === undefined ? [] : [given.team.index]);
  const program = { ...given, sizes: [...sizes.values()] };
  if (team === undefined) module.export("run", body);
  else emitTeam(module, program as TeamProgram, team, body);
  return { kind: "wasm", bytes: module.finish({ module: "env", name: "memory", shared: true }), program };
};

/** Writes a function of the frame and `params`: once to learn what it needs, then for good. */
function emitFunction(
  shared: ModuleState,
  name: string,
  body: readonly Stmt[],
  params: readonly Variable[],
): FunctionBuilder {
  const types = ["i32" as const, ...params.map(({ type }) => valType(type))];
  const facts = noFacts();
  const outline: Outline = (kernel, inner, free) => emitFunction(shared, kernel, inner, free).index;
  const write = (f: FunctionBuilder, final: boolean): void => {
    const state = new FunctionState(shared, f, facts, final);
    for (const [i, variable] of params.entries()) state.bind(variable, { local: i + 1 });
    state.prologue();
    emitBlock(body, state, outline);
  };
  write(new FunctionBuilder(name, 0, types), false);
  const builder = shared.module.function(unique(name, shared.names), types);
  write(builder, true);
  return builder;
}

/** `gates`, `gates.2`, `gates.3`, ... */
function unique(name: string, names: Map<string, number>): string {
  const count = (names.get(name) ?? 0) + 1;
  names.set(name, count);
  return count === 1 ? name : `${name}.${count}`;
}
