/** `recurve run`: a model on arrays of NumPy, `.npz` in and `.npz` out. */
import { formatShape } from "../../base/shapes.ts";
import type { HostTensors } from "../../io/index.ts";
import { readBytes, writeBytes } from "../../io/node/files.ts";
import { decodeNpz, encodeNpz } from "../../io/node/npz.ts";
import { openAny } from "../openAny.ts";
import type { RunOptions } from "../options.ts";
import { runOn } from "../runOn.ts";
import { groupDigits, type Terminal, table } from "../terminal.ts";

export async function run(path: string, options: RunOptions, terminal: Terminal): Promise<void> {
  const opened = await openAny(path, options);
  const given = decodeNpz(await readBytes(options.inputs), options.inputs);
  const before =
    options.stateIn === undefined ? undefined : decodeNpz(await readBytes(options.stateIn), options.stateIn);
  const begin = performance.now();
  const { outputs, states } = runOn(opened, given, { path, inputs: options.inputs, before, stateIn: options.stateIn });
  const milliseconds = performance.now() - begin;
  const arrays = { ...outputs, ...states };
  await writeBytes(options.outputs, encodeNpz(arrays));
  if (options.stateOut !== undefined) await writeBytes(options.stateOut, encodeNpz(states));
  report(arrays, milliseconds, options, terminal);
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
