/** `recurve run`: a model on arrays of NumPy, `.npz` in and `.npz` out. */
import { DTypeError, FormatError, OptionError } from "../../base/errors.ts";
import { nearestName } from "../../base/nearest.ts";
import { formatShape } from "../../base/shapes.ts";
import { leavesOf, mapTree } from "../../base/trees.ts";
import { type HostTensors, hostTensors } from "../../io/index.ts";
import { readBytes, writeBytes } from "../../io/node/files.ts";
import { decodeNpz, encodeNpz } from "../../io/node/npz.ts";
import type { Model, State } from "../../nn/index.ts";
import { concrete, type Tensor } from "../../trace/index.ts";
import { openModel } from "../openModel.ts";
import type { RunOptions } from "../options.ts";
import { groupDigits, type Terminal, table } from "../terminal.ts";

const statePrefix = "state.";

export async function run(path: string, options: RunOptions, terminal: Terminal): Promise<void> {
  const { model } = await openModel(path, options.cell);
  const inputs = chooseInputs(model, decodeNpz(await readBytes(options.inputs), options.inputs), options.inputs);
  const state =
    options.stateIn === undefined
      ? undefined
      : chooseState(model, decodeNpz(await readBytes(options.stateIn), options.stateIn), inputs, options.stateIn);
  const begin = performance.now();
  const result = model.run(inputs, { state });
  const milliseconds = performance.now() - begin;
  const outputs: readonly Tensor[] = Array.isArray(result.outputs) ? result.outputs : [result.outputs];
  const states = hostTensors(
    Object.fromEntries(leavesOf<Tensor>(result.state).map(({ path, leaf }) => [statePrefix + path, leaf])),
  );
  const arrays = { ...hostTensors(Object.fromEntries(outputs.map((output, i) => [`output_${i}`, output]))), ...states };
  await writeBytes(options.outputs, encodeNpz(arrays));
  if (options.stateOut !== undefined) await writeBytes(options.stateOut, encodeNpz(states));
  report(arrays, milliseconds, options, terminal);
}

/** The model's inputs in order, each by its name or by its place. */
function chooseInputs(model: Model, arrays: HostTensors, where: string): Tensor[] {
  const used = new Set<string>();
  const tensors = model.inputs.map(({ name, spec }, i) => {
    const found = [name, `input_${i}`].find((key) => Object.hasOwn(arrays, key));
    if (found === undefined) {
      throw new OptionError(
        `${where}: expected an array "${name}" or "input_${i}" of ${spec.dtype} ${formatShape(spec.shape)}, got ${quote(Object.keys(arrays))}. Save it as np.savez("${where}", input_${i}=...).`,
        { input: name, got: Object.keys(arrays) },
      );
    }
    used.add(found);
    const array = arrays[found];
    if (array.dtype === spec.dtype) return concrete({ dtype: array.dtype, shape: array.shape }, array.data);
    throw new DTypeError(
      `${where}: array "${found}": expected ${spec.dtype} for the input "${name}", got ${array.dtype}. Save it with .astype("${spec.dtype}").`,
      {
        input: name,
        expected: spec.dtype,
        got: array.dtype,
      },
    );
  });
  const stray = Object.keys(arrays).find((name) => !used.has(name) && !/^(state\.|output_)/.test(name));
  if (stray === undefined) return tensors;
  const names = model.inputs.flatMap(({ name }, i) => [name, `input_${i}`]);
  const near = nearestName(
    stray,
    names.filter((name) => !used.has(name)),
  );
  throw new OptionError(
    `${where}: expected the inputs ${quote(names)}, got an array "${stray}" too. ${near === undefined ? "Leave it out" : `Did you mean "${near}"?`}${near === undefined ? "." : ""}`,
    {
      stray,
    },
  );
}

function chooseState(model: Model, arrays: HostTensors, inputs: readonly Tensor[], where: string): State {
  const zeros = model.zeroState(inputs[0].shape[0] as number);
  const names = leavesOf<Tensor>(zeros).map(({ path }) => statePrefix + path);
  const unknown = Object.keys(arrays).find((name) => name.startsWith(statePrefix) && !names.includes(name));
  const missing = names.find((name) => !Object.hasOwn(arrays, name));
  if (unknown !== undefined || missing !== undefined) {
    const got = unknown === undefined ? `no "${missing}"` : `"${unknown}"`;
    throw new FormatError(
      `${where}: expected the states ${quote(names)}, got ${got}. Give what an earlier run of this model wrote.`,
      { names, unknown, missing },
    );
  }
  return mapTree<Tensor, Tensor>(zeros, (_, path) => {
    const { dtype, shape, data } = arrays[statePrefix + path];
    return concrete({ dtype, shape }, data);
  }) as State;
}

function report(
  arrays: HostTensors,
  milliseconds: number,
  { outputs, stateOut, json }: RunOptions,
  { out, colors }: Terminal,
): void {
  const entries = Object.entries(arrays);
  if (json === true) {
    const listed = entries.map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
    out.write(`${JSON.stringify({ outputs, stateOut, arrays: listed, milliseconds })}\n`);
    return;
  }
  const rows = entries.map(([name, { dtype, shape, data }]) => [
    colors.bold(name),
    dtype,
    formatShape(shape),
    groupDigits(data.length),
  ]);
  out.write(
    `${table(rows, [3]).join("\n")}\n${colors.dim(`written to ${outputs}${stateOut === undefined ? "" : `, the state also to ${stateOut}`}`)}\n`,
  );
}

function quote(names: readonly string[]): string {
  return names.length === 0 ? "none" : names.map((name) => `"${name}"`).join(", ");
}
