/**
 * Tracing: which graph is being built right now, and how tensors of outside get into it.
 * A root trace belongs to one compiled function; scan bodies nest inside it. The stack of open traces is the one
 * piece of ambient state in Recurve: without it a function such as `zeros` could not know where it is called from.
 */
import type { DType } from "../base/dtypes.ts";
import { internal, OptionError, ShapeError } from "../base/errors.ts";
import { formatShape } from "../base/shapes.ts";
import { Builder } from "../graph/build.ts";
import type { Value } from "../graph/graph.ts";
import { describe, scalar, Tensor, type Tensorlike, type TensorSpec } from "./tensor.ts";
import type { Variable } from "./variable.ts";

/** Where an input of a root graph gets its data at a call. */
export type Binding =
  | { readonly kind: "argument"; readonly position: number }
  | { readonly kind: "variable"; readonly variable: Variable }
  | { readonly kind: "capture"; readonly tensor: Tensor };

/** A graph under construction. */
export class Trace {
  readonly builder: Builder;
  readonly parent: Trace | undefined;
  /** Numbers become inputs rather than constants, so that one program serves every number. */
  readonly eager: boolean;
  /** Root only: the source of each input, in the order of `builder.inputs`. */
  readonly bindings: Binding[] = [];
  /** Root only: the present value of each variable, and whether it was assigned. */
  readonly variables = new Map<Variable, { value: Value; assigned: boolean }>();
  /** What a tensor of outside became in here. */
  readonly #captured = new Map<Tensor | Value, Value>();
  /** Scan bodies only: the tensors captured as constants, in order of the body's constant inputs. */
  readonly constants: { readonly outer: Value; readonly inner: Value }[] = [];

  constructor(name: string, parent?: Trace, eager = false) {
    this.builder = new Builder(name);
    this.parent = parent;
    this.eager = eager;
    if (parent !== undefined) this.builder.scope = parent.builder.scope;
  }

  get root(): Trace {
    return this.parent === undefined ? this : this.parent.root;
  }

  wrap(value: Value): Tensor {
    return new Tensor({ dtype: value.dtype, shape: value.shape }, { trace: this, value });
  }

  /** A new argument of a root trace. */
  argument(name: string, spec: TensorSpec): Tensor {
    this.bindings.push({ kind: "argument", position: this.bindings.length });
    return this.wrap(this.builder.input(name, spec));
  }

  /** The value by which a tensor is known in this graph. */
  lift(x: Tensor): Value {
    const { source } = x;
    if (!("trace" in source)) return this.#capture(x, () => this.#liftConcrete(x));
    if (source.trace === this) return source.value;
    if (!this.#isInside(source.trace)) {
      throw new OptionError(
        `${this.builder.name}: expected tensors made in this function, got one of shape ${formatShape(x.shape)} that was traced in "${source.trace.builder.name}" and has left it. Return it from there as a result.`,
      );
    }
    return this.#capture(source.value, () => this.#constant((this.parent as Trace).lift(x), x));
  }

  /** The present value of a variable, as a tensor of the root trace. */
  read(variable: Variable): Tensor {
    const root = this.root;
    let entry = root.variables.get(variable);
    if (entry === undefined) {
      entry = { value: root.builder.input(variable.name, variable), assigned: false };
      root.bindings.push({ kind: "variable", variable });
      root.variables.set(variable, entry);
    }
    return root.wrap(entry.value);
  }

  assign(variable: Variable, x: Tensor): void {
    if (this.parent !== undefined) {
      throw new OptionError(
        `variable "${variable.name}": cannot be assigned inside the step of a scan. Carry its value through the scan and assign the final carry after it.`,
      );
    }
    this.read(variable);
    this.variables.set(variable, { value: this.lift(x), assigned: true });
  }

  #isInside(other: Trace): boolean {
    for (let trace = this.parent; trace !== undefined; trace = trace.parent) if (trace === other) return true;
    return false;
  }

  #capture(key: Tensor | Value, make: () => Value): Value {
    const known = this.#captured.get(key);
    if (known !== undefined) return known;
    const value = make();
    this.#captured.set(key, value);
    return value;
  }

  #constant(outer: Value, x: Tensor): Value {
    const inner = this.builder.input(`constant${this.constants.length}`, { dtype: x.dtype, shape: x.shape });
    this.constants.push({ outer, inner });
    return inner;
  }

  #liftConcrete(x: Tensor): Value {
    const data = x.data();
    if (x.rank === 0 && !this.root.eager) return this.builder.add("constant", { dtype: x.dtype, shape: [], data }, []);
    if (this.parent !== undefined) return this.#constant(this.parent.lift(x), x);
    this.bindings.push({ kind: "capture", tensor: x });
    return this.builder.input(`capture${this.bindings.length}`, { dtype: x.dtype, shape: x.shape });
  }
}

const open: Trace[] = [];

/** The innermost trace that is open, if any. */
export function currentTrace(): Trace | undefined {
  return open.at(-1);
}

/** Runs `fn` with `trace` as the innermost one. */
export function within<R>(trace: Trace, fn: () => R): R {
  open.push(trace);
  try {
    return fn();
  } finally {
    if (open.pop() !== trace) internal("traces were closed out of order");
  }
}

/** The operand as a value of `trace`; a number takes the type `dtype`. */
export function liftOperand(trace: Trace, x: Tensorlike, dtype: DType): Value {
  if (x instanceof Tensor) return trace.lift(x);
  const where = trace.builder.name;
  if (typeof x === "number") return trace.lift(scalar(where, x, dtype));
  if (typeof x === "object" && x !== null && "terms" in x) {
    throw new ShapeError(
      `${where}: expected a tensor or a number, got the size "${x}", which is free until the call. Use size(x, axis) for it as a tensor.`,
    );
  }
  throw new OptionError(`${where}: expected a tensor or a number, got ${describe(x)}. Make one with tensor(...).`);
}

/** Names the layer or function whose operations follow, so that summaries, printed graphs and diagnoses can speak of it. */
export function withScope<R>(name: string, fn: () => R): R {
  const builder = currentTrace()?.builder;
  if (builder === undefined) return fn();
  const before = builder.scope;
  builder.scope = before === "" ? name : `${before}/${name}`;
  try {
    return fn();
  } finally {
    builder.scope = before;
  }
}
