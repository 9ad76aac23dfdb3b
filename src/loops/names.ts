/** Fresh names for the variables and buffers of one program. */
import type { LoopType, Program, Variable } from "./ir.ts";
import { visitStatements } from "./walk.ts";

export class Names {
  readonly #next = new Map<string, number>();
  readonly #taken = new Set<string>();

  /** `base`, or `base1`, `base2`, ... if it is taken. */
  fresh(base: string): string {
    let next = this.#next.get(base) ?? 0;
    let name = next === 0 ? base : `${base}${next}`;
    while (this.#taken.has(name)) name = `${base}${++next}`;
    this.#next.set(base, next + 1);
    this.#taken.add(name);
    return name;
  }

  variable(base: string, type: LoopType): Variable {
    return { name: this.fresh(base), type };
  }
}

/** Names that do not clash with those of a program. */
export function namesOf(program: Program): Names {
  const names = new Names();
  for (const buffer of program.buffers) names.fresh(buffer.name);
  visitStatements(program.body, (s) => {
    if ("variable" in s && s.kind !== "set") names.fresh(s.variable.name);
  });
  return names;
}
