/**
 * Variables: named values that change, such as weights and optimiser slots. They live in the memory of the runtime,
 * shared by every compiled program. Inside a compiled function a read is an input and an assignment an output of the
 * program, in program order; outside, both act at once. Not a recurrent state: that is a plain value.
 */
import type { DType } from "../base/dtypes.ts";
import { DTypeError, OptionError, ShapeError } from "../base/errors.ts";
import { checkOptionNames } from "../base/names.ts";
import { equalShapes, formatShape, product } from "../base/shapes.ts";
import type { DeviceBuffer } from "../runtime/executable.ts";
import { currentTrace } from "./context.ts";
import { device } from "./device.ts";
import { concrete, concreteShape, describe, Tensor } from "./tensor.ts";

export interface VariableOptions {
  /** For errors, printed graphs and files. */
  readonly name: string;
  /** Whether optimisers may change it. */
  readonly trainable?: boolean;
}

/** A named tensor that can be assigned. */
export class Variable {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** Whether optimisers may change it; a trainer looks when it is made. */
  trainable: boolean;
  readonly #buffer: DeviceBuffer;
  #isDisposed = false;

  /** @internal Use `variable()`. */
  constructor(value: Tensor, options: VariableOptions) {
    this.name = options.name;
    this.trainable = options.trainable ?? true;
    this.shape = [...concreteShape(value)];
    this.dtype = value.dtype;
    this.#buffer = device().allocate(value.dtype, product(this.shape));
    this.#write(value);
  }

  /** Elements that have not been made yet are made where they belong. */
  #write(value: Tensor): void {
    const { source } = value;
    if ("fill" in source && source.data === undefined) this.buffer.fill(source.fill);
    else this.buffer.write(value.data());
  }

  /** @internal The memory that it lives in. */
  get buffer(): DeviceBuffer {
    if (!this.#isDisposed) return this.#buffer;
    throw new OptionError(
      `variable "${this.name}": expected a variable in use, got one that was disposed of. Make a new one with variable(...).`,
      { variable: this.name },
    );
  }

  /** The present value: inside a compiled function as its program has it at this point, outside a copy. */
  read(): Tensor {
    return currentTrace()?.read(this) ?? concrete({ dtype: this.dtype, shape: this.shape }, this.buffer.read());
  }

  /** Replaces the value by one of the same shape and type. */
  assign(x: Tensor): void {
    if (!(x instanceof Tensor)) {
      throw new OptionError(
        `variable "${this.name}": expected a tensor, got ${describe(x)}. Make one with tensor(...).`,
        { variable: this.name },
      );
    }
    if (!equalShapes(x.shape, this.shape)) {
      throw new ShapeError(
        `variable "${this.name}": expected a value of shape ${formatShape(this.shape)}, got ${formatShape(x.shape)}. Assign a value of the same shape.`,
        { variable: this.name, shapes: [this.shape, x.shape] },
      );
    }
    if (x.dtype !== this.dtype) {
      throw new DTypeError(
        `variable "${this.name}": expected ${this.dtype}, got ${x.dtype}. Convert it with cast(x, "${this.dtype}").`,
        {
          expected: this.dtype,
          got: x.dtype,
        },
      );
    }
    const trace = currentTrace();
    if (trace === undefined) this.#write(x);
    else trace.assign(this, x);
  }

  /** Optional: the memory is also given back when the variable is garbage collected. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#buffer.free();
  }
}

/** A variable that starts as `value`. */
export function variable(value: Tensor, options: VariableOptions): Variable {
  if (typeof options?.name !== "string")
    throw new OptionError(`variable: expected a name, got ${describe(options?.name)}. Give { name: "..." }.`);
  checkOptionNames("variable", options, ["name", "trainable"]);
  return new Variable(value, options);
}
