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

/** Spells a program whose functions are all decomposed into arithmetic (see `loops/math.ts`). */
export const emitWasm: Emit<WasmArtefact> = (program) => {
  const shared: ModuleState = {
    program,
    module: new ModuleBuilder(),
    ids: new Map(),
    names: new Map(),
    sizes: new Map(),
  };
  for (const dim of program.sizes) shared.sizes.set(formatDim(dim), dim);
  const run = emitFunction(shared, program.name, program.body, []);
  shared.module.export("run", run);
  const bytes = shared.module.finish({ module: "env", name: "memory" });
  return { kind: "wasm", bytes, program: { ...program, sizes: [...shared.sizes.values()] } };
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
