/**
 * The WebAssembly target: a loop program as a module with one function for the program and one for each kernel, so
 * that functions stay small for the engine's optimising compiler and profilers show the names of graph nodes.
 */
import { formatDim } from "../../base/dims.ts";
import type { Stmt, Variable } from "../../loops/ir.ts";
import type { Emit, WasmArtefact } from "../target.ts";
import { FunctionBuilder, ModuleBuilder } from "./assembler.ts";
import { type ForStmt, FunctionState, frameLocal, type ModuleState } from "./function.ts";
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
    deepen(missingDepth(body), f, () => emitBlock(body, state, outline));
  };
  write(new FunctionBuilder(name, 0, types), false);
  const builder = shared.module.function(unique(name, shared.names), types);
  write(builder, true);
  return builder;
}

/**
 * V8 unrolls an innermost loop by how deep it is, up to (depth + 1) * 50 / size times: products reach 50 instead of 43
 * GFLOP/s of a Zen 4 core where their tiles are six deep.
 */
const unrolledDepth = 6;

/** Loops around a function that come round once, as no engine can know: there is no frame at address 0. */
function deepen(count: number, f: FunctionBuilder, emit: () => void): void {
  for (let i = 0; i < count; i++) f.loop();
  emit();
  for (let i = 0; i < count; i++) {
    f.get(frameLocal);
    f.op("i32.eqz");
    f.brIf(0);
    f.end();
  }
}

/** How many loops are missing around those that sum up vectors; 0 where there are none. */
function missingDepth(body: readonly Stmt[]): number {
  return Math.max(0, unrolledDepth - Math.min(unrolledDepth, ...depthsOfSums(body, 0)));
}

/** The depths of the innermost loops that sum up vectors; kernels inside are functions of their own. */
function depthsOfSums(body: readonly Stmt[], depth: number): number[] {
  return body.flatMap((stmt) => {
    if (stmt.kind === "if") return [...depthsOfSums(stmt.then, depth), ...depthsOfSums(stmt.else, depth)];
    if (stmt.kind !== "for") return [];
    const here = comesRoundOnce(stmt) ? depth : depth + 1;
    const sums = stmt.body.some((one) => one.kind === "set" && one.variable.type.lanes > 1);
    return sums ? [here] : depthsOfSums(stmt.body, here);
  });
}

/** Such a loop has no way back. */
function comesRoundOnce({ from, to, step }: ForStmt): boolean {
  return from.kind === "const" && to.kind === "const" && from.value + step >= to.value;
}

/** `gates`, `gates.2`, `gates.3`, ... */
function unique(name: string, names: Map<string, number>): string {
  const count = (names.get(name) ?? 0) + 1;
  names.set(name, count);
  return count === 1 ? name : `${name}.${count}`;
}
