/**
 * `compile`: a TypeScript function on tensors becomes one program. The function is called once for a kind of
 * arguments, to be traced; later calls run the program. Not here: the pipeline itself.
 */

import { BoundedCache } from "../base/cache.ts";
import { type Dim, type DimValues, formatDim, symbol } from "../base/dims.ts";
import { OptionError, ShapeError } from "../base/errors.ts";
import { checkOptionNames, unknownName } from "../base/names.ts";
import { formatShape, type Shape } from "../base/shapes.ts";
import { isBranch, leavesOf, mapTree, type Tree } from "../base/trees.ts";
import { firstNonFinite, type NonFinite } from "../graph/diagnose.ts";
import { brokenLaw, type SizeLaw, sizeError, sizeLaws } from "../graph/sizes.ts";
import type { Memory } from "../loops/memory.ts";
import { currentTrace, Trace, within } from "./context.ts";
import { execute, executeAsync, type Finished, finish, inputsOf } from "./finish.ts";
import { MemoryLimit, pipelineMemory } from "./memoryLimit.ts";
import { type BackendName, backendNames, type Pipeline, runPipeline, usualBackend } from "./pipeline.ts";
import { concrete, separateSizes, Tensor, type TensorSpec } from "./tensor.ts";

export interface CompileOptions {
  /** For errors and printed programs; the function's own name if not given. */
  readonly name?: string;
  /**
   * What the arguments are, one tree of `spec(...)` each. Sizes named there are free at every call and checked.
   * Without it the first call decides, and a size that differs in a later call becomes free by itself.
   */
  readonly inputs?: readonly Tree<TensorSpec>[];
  /**
   * "wasm"; "native": through the machine's C compiler; or "interpreter": slow, obvious, and the definition of what
   * programs mean. What RECURVE_BACKEND says if not given, else "wasm".
   */
  readonly backend?: BackendName;
  /** Bytes. A call that would need more raises UnsupportedError before it runs, naming what needs the most. */
  readonly memoryLimit?: number;
}

/** A compiled function. Inside another compiled function it is simply part of it. */
export interface CompiledFunction<A extends readonly unknown[], R> {
  (...args: A): R;
  /**
   * The same call, for where the caller must not wait: in a page that has threads they run it while the page stays
   * alive. Calls are done in their order. Until then its variables are in use. Not inside of another compiled function.
   */
  async(...args: A): Promise<R>;
  /** The program that a call with these arguments runs, with every stage of its compilation. */
  inspect(...args: A): Pipeline;
  /** The bytes that a call with these arguments needs, by the plan; nothing is run. */
  memory(...args: A): Memory;
  /** Runs the call in the graph interpreter and says where a value first stops being finite. Assigns nothing. */
  diagnose(...args: A): NonFinite | undefined;
  /** How many programs have been compiled; bounded however many calls are made. */
  readonly programs: number;
}

/** One traced and compiled variant: for arguments of one structure, with some sizes free. */
interface Variant<R> {
  readonly specs: readonly TensorSpec[];
  readonly finished: Finished;
  readonly pipeline: Pipeline;
  readonly rebuild: (results: readonly Tensor[]) => R;
  /** What its free sizes must satisfy; mostly nothing. */
  readonly laws: readonly SizeLaw[];
}

interface Call {
  /** Structure and static values: what a variant is specific to. */
  readonly key: string;
  readonly leaves: readonly Tensor[];
  readonly paths: readonly string[];
}

/** A call whose arguments are all tensors, with the program that was found for it. */
interface Repeatable<R> {
  readonly leaves: readonly TensorSpec[];
  readonly variant: Variant<R>;
  readonly dims: DimValues;
}

const maximumVariants = 16;

/**
 * Compiles a function of trees of tensors to one program that runs without crossing into JavaScript.
 * Arguments: tensors, numbers (float32 scalars), trees of these; strings, booleans and undefined are known to the
 * trace and select a program. Variables read and assigned inside become inputs and outputs in program order.
 * Raises ShapeError if the arguments do not fit `inputs`.
 */
export function compile<A extends readonly unknown[], R>(
  fn: (...args: A) => R,
  options: CompileOptions = {},
): CompiledFunction<A, R> {
  const name = options.name ?? (fn.name === "" ? "compiled" : fn.name);
  checkOptionNames(name, options, ["name", "inputs", "backend", "memoryLimit"]);
  const backend = expectBackend(name, options.backend ?? usualBackend());
  const limit = options.memoryLimit === undefined ? undefined : new MemoryLimit(name, options.memoryLimit);
  const structures = new BoundedCache<string, Variant<R>[]>(64);
  const declared = options.inputs && separateSizes(options.inputs.flatMap((tree) => specsIn(tree)));

  const prepare = (args: A): { variant: Variant<R>; call: Call; dims: DimValues } => {
    const call = readCall(name, args);
    const variants = structures.get(call.key, () => []);
    for (let i = variants.length - 1; i >= 0; i--) {
      const dims = match(variants[i].specs, call.leaves);
      if (dims === undefined) continue;
      const broken = brokenLaw(variants[i].laws, dims);
      if (broken === undefined) return { variant: variants[i], call, dims };
      if (declared !== undefined) throw sizeError(name, broken, dims);
    }
    if (declared !== undefined) checkDeclared(name, declared, call);
    const variant = makeVariant(name, fn, args, call, backend, candidates(declared, variants, call));
    const dims = match(variant.specs, call.leaves) as DimValues;
    variants.push(variant);
    if (variants.length > maximumVariants) variants.shift();
    return { variant, call, dims };
  };

  // A step of a stream is as short as the search for its program: a call like the last one needs none.
  let last: Repeatable<R> | undefined;
  const compiled = (...args: A): R => {
    if (currentTrace() !== undefined) return fn(...args);
    if (last !== undefined && isRepeated(last.leaves, args)) {
      const { variant, dims } = last;
      return variant.rebuild(execute(variant.finished, variant.pipeline.executable, args, dims));
    }
    const { variant, call, dims } = prepare(args);
    limit?.check(variant.pipeline, dims);
    last = args.every((arg) => arg instanceof Tensor) ? { leaves: call.leaves.map(typeOf), variant, dims } : undefined;
    return variant.rebuild(execute(variant.finished, variant.pipeline.executable, call.leaves, dims));
  };
  const runAsync = async (args: A): Promise<R> => {
    const { variant, call, dims } = prepare(args);
    limit?.check(variant.pipeline, dims);
    return variant.rebuild(await executeAsync(variant.finished, variant.pipeline.executable, call.leaves, dims));
  };
  // Inside of a trace nobody awaits it, so that it must not fail later.
  const compiledAsync = (...args: A): Promise<R> => {
    if (currentTrace() !== undefined) throw notInside(name);
    return runAsync(args);
  };
  return Object.assign(Object.defineProperty(compiled, "programs", { get: () => countVariants(structures) }), {
    async: compiledAsync,
    inspect: (...args: A) => prepare(args).variant.pipeline,
    memory: (...args: A) => {
      const { variant, dims } = prepare(args);
      return pipelineMemory(name, variant.pipeline, dims);
    },
    diagnose: (...args: A) => {
      const { variant, call, dims } = prepare(args);
      const ins = inputsOf(variant.finished, call.leaves).map((x) => ("read" in x ? x.read() : x));
      return firstNonFinite(variant.pipeline.graph, ins, dims);
    },
  }) as CompiledFunction<A, R>;
}

function notInside(name: string): OptionError {
  return new OptionError(
    `${name}: expected an asynchronous call outside of compiled functions, got one inside. Call it without .async there: it becomes part of the program.`,
  );
}

function expectBackend(name: string, backend: BackendName): BackendName {
  if (backendNames.includes(backend)) return backend;
  throw unknownName(name, "backend", backend, backendNames);
}

/** Whether the arguments are tensors of these types, one for one. */
function isRepeated(specs: readonly TensorSpec[], args: readonly unknown[]): args is readonly Tensor[] {
  if (args.length !== specs.length) return false;
  for (let i = 0; i < specs.length; i++) {
    const arg = args[i];
    const { dtype, shape } = specs[i];
    if (!(arg instanceof Tensor) || arg.dtype !== dtype || arg.shape.length !== shape.length) return false;
    for (let axis = 0; axis < shape.length; axis++) if (arg.shape[axis] !== shape[axis]) return false;
  }
  return true;
}

/** What a tensor is, without the memory of its data. */
function typeOf({ dtype, shape }: Tensor): TensorSpec {
  return { dtype, shape };
}

function countVariants(structures: BoundedCache<string, readonly unknown[]>): number {
  return structures.values().reduce((sum, variants) => sum + variants.length, 0);
}

/** The specs of a tree in order; a spec is a plain object too, so it is known by its fields. */
function specsIn(tree: Tree<TensorSpec>): TensorSpec[] {
  if ("dtype" in tree && Array.isArray(tree.shape)) return [tree as TensorSpec];
  return Object.values(tree as Readonly<Record<string, Tree<TensorSpec>>>).flatMap(specsIn);
}

/** Flattens the arguments of a call. */
function readCall(name: string, args: readonly unknown[]): Call {
  const leaves: Tensor[] = [];
  const paths: string[] = [];
  const describe = (node: unknown, path: string): string => {
    if (node instanceof Tensor || typeof node === "number") {
      const leaf = node instanceof Tensor ? node : concrete({ dtype: "float32", shape: [] }, Float32Array.of(node));
      leaves.push(leaf);
      paths.push(path);
      return `${leaf.dtype}${leaf.rank}`;
    }
    if (isBranch(node)) {
      const inner = Object.entries(node).map(
        ([key, child]) => `${JSON.stringify(key)}:${describe(child, `${path}.${key}`)}`,
      );
      return `${Array.isArray(node) ? "a" : "o"}{${inner.join()}}`;
    }
    if (node === undefined || node === null || typeof node === "string" || typeof node === "boolean")
      return JSON.stringify(node) ?? "undefined";
    const got = typeof node === "object" ? (node as object).constructor.name : typeof node;
    throw new OptionError(
      `${name}: expected tensors, numbers, strings and booleans as arguments, got ${got} at ${path}. Convert data with tensor(...), or close over it.`,
      { path, got },
    );
  };
  const key = args.map((arg, i) => describe(arg, `argument ${i + 1}`)).join(";");
  return { key, leaves, paths };
}

/** The values of the free sizes if the leaves fit the specs, else undefined. */
function match(specs: readonly TensorSpec[], leaves: readonly Tensor[]): DimValues | undefined {
  const dims: Record<string, number> = {};
  if (specs.length !== leaves.length) return undefined;
  for (let i = 0; i < specs.length; i++) {
    const [spec, leaf] = [specs[i], leaves[i]];
    if (spec.dtype !== leaf.dtype || spec.shape.length !== leaf.shape.length) return undefined;
    for (let axis = 0; axis < spec.shape.length; axis++) {
      const [want, got] = [spec.shape[axis], leaf.shape[axis] as number];
      if (typeof want !== "number") dims[want.key] ??= got;
      if ((typeof want === "number" ? want : dims[want.key]) !== got) return undefined;
    }
  }
  return dims;
}

function checkDeclared(name: string, declared: readonly TensorSpec[], call: Call): void {
  if (declared.length !== call.leaves.length) {
    throw new OptionError(
      `${name}: expected ${declared.length} tensors as arguments, got ${call.leaves.length}. Give what \`inputs\` declares.`,
    );
  }
  const bound = new Map<string, { size: number; path: string }>();
  declared.forEach((spec, i) => {
    const leaf = call.leaves[i];
    const path = call.paths[i];
    const fits =
      spec.dtype === leaf.dtype &&
      spec.shape.length === leaf.rank &&
      spec.shape.every((want, axis) => typeof want !== "number" || want === leaf.shape[axis]);
    if (!fits) {
      throw new ShapeError(
        `${name}: expected ${path} to be ${spec.dtype} ${formatShape(spec.shape)}, got ${leaf.dtype} ${formatShape(leaf.shape)}. Give a tensor of the declared type.`,
        {
          path,
          shapes: [spec.shape, leaf.shape],
        },
      );
    }
    spec.shape.forEach((want, axis) => {
      if (typeof want === "number") return;
      const size = leaf.shape[axis] as number;
      const first = bound.get(want.key);
      if (first === undefined) bound.set(want.key, { size, path });
      else if (first.size !== size) {
        throw new ShapeError(
          `${name}: expected one size "${formatDim(want)}" everywhere, got ${first.size} in ${first.path} and ${size} in ${path}. Give tensors that agree.`,
          { size: want.key, got: [first.size, size] },
        );
      }
    });
  });
}

/** The specs to try, the most general first. */
function candidates<R>(
  declared: readonly TensorSpec[] | undefined,
  variants: readonly Variant<R>[],
  call: Call,
): (readonly TensorSpec[])[] {
  if (declared !== undefined) return [declared];
  const exact = call.leaves.map(({ dtype, shape }) => ({ dtype, shape }));
  const latest = variants.at(-1);
  return latest === undefined ? [exact] : [generalise(latest.specs, exact), exact];
}

/** Frees every size in which two calls differ; sizes that changed together stay one size. */
function generalise(before: readonly TensorSpec[], now: readonly TensorSpec[]): readonly TensorSpec[] {
  const names = new Map<string, Dim>();
  const free = (old: Dim, size: Dim): Dim => {
    if (old === size) return size;
    const key = `${formatDim(old)}>${formatDim(size)}`;
    const known = names.get(key) ?? symbol(`n${names.size}`);
    names.set(key, known);
    return known;
  };
  return now.map(({ dtype, shape }, i) => ({
    dtype,
    shape: shape.map((size, axis) => free(before[i].shape[axis], size)) as Shape,
  }));
}

function makeVariant<A extends readonly unknown[], R>(
  name: string,
  fn: (...args: A) => R,
  args: A,
  call: Call,
  backend: BackendName,
  tries: readonly (readonly TensorSpec[])[],
): Variant<R> {
  for (const [i, specs] of tries.entries()) {
    try {
      return traceVariant(name, fn, args, call, backend, specs);
    } catch (error) {
      // A function may need a size to be known, for example to reshape by it: then this call gets its own program.
      if (i === tries.length - 1 || !(error instanceof ShapeError)) throw error;
    }
  }
  throw new OptionError(`${name}: nothing to compile.`);
}

function traceVariant<A extends readonly unknown[], R>(
  name: string,
  fn: (...args: A) => R,
  args: A,
  call: Call,
  backend: BackendName,
  specs: readonly TensorSpec[],
): Variant<R> {
  const trace = new Trace(name);
  const ins = specs.map((spec, i) => trace.argument(call.paths[i], spec));
  let next = 0;
  const given = args.map((arg) => replaceTensors(arg, () => ins[next++])) as unknown as A;
  const result = within(trace, () => fn(...given));
  if (result instanceof Promise)
    throw new OptionError(`${name}: expected a plain function, got an async one. Compile the part without await.`);
  const leaves = leavesOf<unknown>(result as Tree<unknown>).map(({ leaf }) => leaf);
  const values = within(trace, () => leaves.filter((leaf) => leaf instanceof Tensor).map((leaf) => trace.lift(leaf)));
  const finished = finish(trace, values);
  const laws = sizeLaws(finished.graph);
  const dims = match(specs, call.leaves) as DimValues;
  const broken = brokenLaw(laws, dims);
  if (broken !== undefined) throw sizeError(name, broken, dims);
  const pipeline = runPipeline(finished.graph, backend, finished.aliases, { keeps: true });
  return { specs, finished, pipeline, rebuild: rebuildLike(result), laws };
}

/** What makes a result like this one of other tensors. */
function rebuildLike<R>(result: R): (tensors: readonly Tensor[]) => R {
  // The usual ones at once: a step of a stream is short.
  if (result instanceof Tensor) return ([tensor]) => tensor as R;
  if (Array.isArray(result) && result.every((leaf) => leaf instanceof Tensor)) return (tensors) => tensors as R;
  return (tensors) => {
    let at = 0;
    return mapTree<unknown, unknown>(result as Tree<unknown>, (leaf) =>
      leaf instanceof Tensor ? tensors[at++] : leaf,
    ) as R;
  };
}

function replaceTensors(node: unknown, replace: () => Tensor): unknown {
  if (node instanceof Tensor || typeof node === "number") return replace();
  if (!isBranch(node)) return node;
  if (Array.isArray(node)) return node.map((child) => replaceTensors(child, replace));
  return Object.fromEntries(Object.entries(node).map(([key, child]) => [key, replaceTensors(child, replace)]));
}
