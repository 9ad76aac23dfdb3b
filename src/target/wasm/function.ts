/**
 * One WebAssembly function in the making: its locals, the variables bound to them, and the loops around the current
 * place. A function is written twice over the same statements: the first time only to learn facts (which pointers,
 * counters, buffers and sizes are needed), the second time for good.
 */
import { type Dim, formatDim } from "../../base/dims.ts";
import { internal } from "../../base/errors.ts";
import type { Buffer, Expr, Program, Stmt, Variable } from "../../loops/ir.ts";
import { operands } from "../../loops/walk.ts";
import { type Atom, type Polynomial, polynomialOf } from "./address.ts";
import type { FunctionBuilder, ModuleBuilder, ValType } from "./assembler.ts";
import { emitValue } from "./expressions.ts";
import { bufferOffset, sizeOffset } from "./frame.ts";
import { type Outside, outsideOf } from "./free.ts";
import { type Facts, Pointers } from "./pointers.ts";
import type { Scope } from "./scope.ts";
import type { TeamParts } from "./team.ts";

export type ForStmt = Stmt & { kind: "for" };

/** A loop around the current place; `depth` counts from 1. */
export interface Level {
  readonly stmt: ForStmt;
  /** The counter's key as an atom. */
  readonly counter: string;
  readonly depth: number;
  readonly parent: Level | undefined;
}

/** What the functions of one module share. */
export interface ModuleState {
  readonly program: Program;
  readonly module: ModuleBuilder;
  /** What it has if several threads run the program. */
  readonly team: TeamParts | undefined;
  /** Numbers objects, so that keys can name them. */
  readonly ids: Map<object, number>;
  readonly names: Map<string, number>;
  /** The sizes of the frame by key: the program's, and parts of them that addresses need. */
  readonly sizes: Map<string, Dim>;
}

interface Binding {
  readonly local: number;
  /** Depth of the innermost loop that the variable is declared in; infinite for a variable that changes. */
  readonly depth: number;
  /** The loop that counts with this variable. */
  readonly loop?: ForStmt;
  /** A `let` that stands for a sum of products: put in its place in addresses, computed only if read otherwise. */
  readonly lazy?: { readonly polynomial: Polynomial; readonly value: Expr };
}

/** The parameter that holds the frame's address. */
export const frameLocal = 0;

export class FunctionState implements Scope {
  readonly shared: ModuleState;
  readonly f: FunctionBuilder;
  readonly facts: Facts;
  /** Whether this is the second writing. */
  readonly final: boolean;
  readonly pointers: Pointers;
  /** The innermost loop around the current place. */
  level: Level | undefined;
  readonly #bindings = new Map<Variable, Binding>();
  readonly #bases = new Map<Buffer, number>();
  readonly #sizes = new Map<string, number>();
  readonly #free: Record<ValType, number[]> = { i32: [], f32: [], v128: [] };
  #taken: { type: ValType; local: number }[] = [];

  constructor(shared: ModuleState, f: FunctionBuilder, facts: Facts, final: boolean) {
    this.shared = shared;
    this.f = f;
    this.facts = facts;
    this.final = final;
    this.pointers = new Pointers(this);
  }

  /** Loads from the frame what the facts ask for. */
  prologue(): void {
    const { program } = this.shared;
    const load = (offset: number): number => {
      const local = this.take("i32");
      this.f.get(frameLocal);
      this.f.memory("i32.load", offset);
      this.f.set(local);
      return local;
    };
    program.buffers.forEach((buffer, i) => {
      if (this.facts.buffers.has(buffer)) this.#bases.set(buffer, load(bufferOffset(i)));
    });
    for (const [i, key] of [...this.shared.sizes.keys()].entries()) {
      if (this.facts.sizes.has(key)) this.#sizes.set(key, load(sizeOffset(program, i)));
    }
  }

  // ---- locals ---------------------------------------------------------------------------------------------------

  /** A local until the end of the current `scoped`. Its first value is arbitrary. */
  take(type: ValType): number {
    const local = this.#free[type].pop() ?? this.f.local(type);
    this.#taken.push({ type, local });
    return local;
  }

  /** Runs `work` and gives its locals back. */
  scoped(work: () => void): void {
    const outer = this.#taken;
    this.#taken = [];
    work();
    for (const { type, local } of this.#taken) this.#free[type].push(local);
    this.#taken = outer;
  }

  borrow = (type: ValType, use: (local: number) => void): void => {
    this.scoped(() => use(this.take(type)));
  };

  // ---- variables ------------------------------------------------------------------------------------------------

  bind(variable: Variable, binding: Omit<Binding, "depth"> & { readonly depth?: number }): void {
    this.#bindings.set(variable, { depth: this.level?.depth ?? 0, ...binding });
  }

  localOf(variable: Variable): number {
    return this.#binding(variable).local;
  }

  read(variable: Variable): void {
    const { loop, lazy, local } = this.#binding(variable);
    if (loop !== undefined) this.facts.counters.add(loop);
    if (lazy !== undefined && !this.facts.lets.has(variable)) {
      this.facts.lets.add(variable);
      // Only to learn what the value needs.
      emitValue(lazy.value, this);
      this.f.op("drop");
    }
    this.f.get(local);
  }

  size(dim: Dim): void {
    const key = formatDim(dim);
    this.facts.sizes.add(key);
    this.shared.sizes.set(key, dim);
    this.f.get(this.#sizes.get(key) ?? frameLocal);
  }

  /** Pushes the address of a buffer's first element. */
  base(buffer: Buffer): void {
    this.facts.buffers.add(buffer);
    this.f.get(this.#bases.get(buffer) ?? frameLocal);
  }

  address(buffer: Buffer, index: Expr): number {
    return this.pointers.address(buffer, this.polynomial(index));
  }

  // ---- indices --------------------------------------------------------------------------------------------------

  polynomial(expr: Expr): Polynomial {
    const { polynomials } = this.facts;
    const known = polynomials.get(expr);
    if (known !== undefined) return known;
    const found = polynomialOf(expr, {
      polynomial: (v) => this.#binding(v).lazy?.polynomial,
      key: (e) => this.#key(e),
    });
    polynomials.set(expr, found);
    return found;
  }

  /** What a kernel takes from outside. */
  outside(stmt: Stmt & { kind: "kernel" }): Outside {
    const { outsides } = this.facts;
    const found = outsides.get(stmt) ?? outsideOf(stmt.body);
    outsides.set(stmt, found);
    return found;
  }

  /** A `let` of this value need not be computed for the addresses that use it. */
  isSubstitutable({ terms }: Polynomial): boolean {
    return terms.every((term) =>
      term.atoms.every(
        (atom) =>
          atom.kind === "value" &&
          (atom.expr.kind === "size" || (atom.expr.kind === "ref" && this.depthOf(atom) < Infinity)),
      ),
    );
  }

  /** A loop at the current place. */
  levelOf(stmt: ForStmt): Level {
    return { stmt, counter: this.#variableKey(stmt.variable), depth: (this.level?.depth ?? 0) + 1, parent: this.level };
  }

  /** Depth of the innermost loop in which an atom gets its value; infinite for what may change at any time. */
  depthOf(atom: Atom): number {
    return atom.kind === "base" ? 0 : this.#depth(atom.expr);
  }

  #depth(expr: Expr): number {
    if (expr.kind === "load") return Infinity;
    if (expr.kind === "ref") return this.#binding(expr.variable).depth;
    return operands(expr).reduce((depth, operand) => Math.max(depth, this.#depth(operand)), 0);
  }

  #key(expr: Expr): string {
    if (expr.kind === "size") return `s(${formatDim(expr.dim)})`;
    if (expr.kind === "const") return String(expr.value);
    if (this.#depth(expr) === Infinity) return `e${this.id(expr)}`;
    if (expr.kind === "ref") return this.#variableKey(expr.variable);
    const inner = operands(expr).map((operand) => this.#key(operand));
    const detail = "fn" in expr ? expr.fn : expr.kind === "lane" ? String(expr.lane) : expr.type.scalar;
    return `${expr.kind}.${detail}(${inner.join()})`;
  }

  #variableKey(variable: Variable): string {
    return `v${this.id(variable)}`;
  }

  /** A number for an object, the same in both writings. */
  id(object: object): number {
    const { ids } = this.shared;
    const known = ids.get(object) ?? ids.size;
    ids.set(object, known);
    return known;
  }

  #binding(variable: Variable): Binding {
    return (
      this.#bindings.get(variable) ??
      internal("a loop program uses a variable outside of its scope", { variable: variable.name })
    );
  }
}
