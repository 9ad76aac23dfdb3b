/** `recurve diff`: two models on the same inputs, layer by layer and step by step. The second may be arrays of another program. */
import { OptionError } from "../../base/errors.ts";
import { formatShape } from "../../base/shapes.ts";
import type { Loaded } from "../../io/formats.ts";
import { compareArrays, type Difference, type HostTensors } from "../../io/index.ts";
import { readBytes } from "../../io/node/files.ts";
import { decodeNpz } from "../../io/node/npz.ts";
import { someOf } from "../../io/quoted.ts";
import { drawnInputs, drawnName } from "../drawnInputs.ts";
import { openAny } from "../openAny.ts";
import type { DiffOptions } from "../options.ts";
import { runEveryLayer } from "../runOn.ts";
import { type Terminal, table } from "../terminal.ts";

const bars = "▁▂▃▄▅▆▇█";
/** Steps in a picture of time; longer sequences are drawn in groups of steps. */
const widest = 32;

export async function diff(a: string, b: string, options: DiffOptions, terminal: Terminal): Promise<void> {
  const opened = { a: await openAny(a, options), b: await openAny(b, options) };
  const { arrays, from } = await inputsFor(opened.a, opened.b, { a, b }, options);
  const first = valuesOf(opened.a, arrays, a, from);
  const second = valuesOf(opened.b, arrays, b, from);
  const [ours, theirs] = [outputsOf(opened.a, first), outputsOf(opened.b, second)];
  const pairs = ours.flatMap((name, i) => (theirs[i] === undefined ? [] : [[name, theirs[i]] as const]));
  const differences = compareArrays(first, second, pairs);
  if (differences.length === 0) {
    throw new OptionError(
      `diff: expected values of the same names or shapes in both, got ${names(first)} and ${names(second)}. Give two files of the same model.`,
    );
  }
  const unpaired = unpairedNames(first, second, differences);
  show({ a, b, inputs: from, differences, unpaired }, options, terminal);
  const worst = differences.filter(({ largest }) => !(largest <= options.tolerance));
  if (worst.length === 0) return;
  const [{ names: found }] = worst;
  throw new OptionError(
    `diff: expected differences of at most ${options.tolerance}, got more in ${worst.length} of ${differences.length}, first in "${found[0]}". Look there first: what comes after it follows from it.`,
    { first: found, largest: Math.max(...worst.map(({ largest }) => largest)) },
  );
}

/** The arrays that both run on, and what they are called. */
async function inputsFor(
  first: Loaded,
  second: Loaded,
  paths: { readonly a: string; readonly b: string },
  { inputs }: DiffOptions,
): Promise<{ arrays: HostTensors; from: string }> {
  if (inputs !== undefined) return { arrays: decodeNpz(await readBytes(inputs), inputs), from: inputs };
  if (hasModel(first) && hasModel(second)) return { arrays: drawnInputs(first), from: drawnName };
  const path = hasModel(first) ? paths.b : paths.a;
  throw new OptionError(
    `diff: expected two models, or the inputs that the arrays in ${path} were computed from, got neither. Give --inputs <file>, or a model.`,
    { path },
  );
}

function hasModel({ model, graph }: Loaded): boolean {
  return model !== undefined || graph !== undefined;
}

function valuesOf(opened: Loaded, arrays: HostTensors, path: string, inputs: string): HostTensors {
  return !hasModel(opened) && opened.tensors !== undefined
    ? opened.tensors
    : runEveryLayer(opened, arrays, { path, inputs });
}

/** What the outputs are called among the values, in order: of arrays `output_0`, `output_1`, ... */
function outputsOf({ model, graph }: Loaded, values: HostTensors): readonly string[] {
  if (graph !== undefined) return graph.outputs.map(({ name }) => name);
  if (model !== undefined) return model.outputs.map(({ name }) => name);
  return Object.keys(values).flatMap((_, i) => (Object.hasOwn(values, `output_${i}`) ? [`output_${i}`] : []));
}

function unpairedNames(a: HostTensors, b: HostTensors, found: readonly Difference[]): readonly [string[], string[]] {
  const paired = [0, 1].map((side) => new Set(found.map(({ names }) => names[side])));
  return [Object.keys(a).filter((name) => !paired[0].has(name)), Object.keys(b).filter((name) => !paired[1].has(name))];
}

interface Facts {
  readonly a: string;
  readonly b: string;
  readonly inputs: string;
  readonly differences: readonly Difference[];
  readonly unpaired: readonly [readonly string[], readonly string[]];
}

function show({ a, b, inputs, differences, unpaired }: Facts, options: DiffOptions, { out, colors }: Terminal): void {
  if (options.json === true) {
    const listed = differences.map(({ largest, ...rest }) => ({
      ...rest,
      largest: Number.isFinite(largest) ? largest : null,
    }));
    out.write(`${JSON.stringify({ a, b, inputs, tolerance: options.tolerance, differences: listed, unpaired })}\n`);
    return;
  }
  const head = ["value", "shape", "largest difference", "where", "over time"].map((text) => colors.dim(text));
  const rows = differences.map((one) => {
    const isFar = !(one.largest <= options.tolerance);
    const paint = isFar ? colors.red : colors.green;
    return [label(one), shapesOf(one), paint(written(one.largest)), place(one), overTime(one, options.tolerance)];
  });
  const lines = [`${colors.bold(a)} and ${colors.bold(b)} on ${inputs}`, "", ...table([head, ...rows], [2])];
  for (const [i, file] of [a, b].entries()) {
    if (unpaired[i].length > 0) lines.push("", colors.dim(`only in ${file}: ${someOf(unpaired[i])}`));
  }
  out.write(`${lines.join("\n")}\n`);
}

function label({ names: [a, b] }: Difference): string {
  return a === b ? a : `${a} / ${b}`;
}

function shapesOf({ shapes: [a, b], largest, at }: Difference): string {
  const differ = largest === Number.POSITIVE_INFINITY && at === undefined;
  return differ ? `${formatShape(a)} / ${formatShape(b)}` : formatShape(a);
}

function written(value: number): string {
  if (value === 0) return "equal";
  return Number.isFinite(value) ? value.toExponential(1) : "not comparable";
}

/** Axis 0 is the batch, axis 1 time where there are three. */
function place({ at, steps }: Difference): string {
  if (at === undefined) return "";
  const axes = steps === undefined ? ["row"] : ["row", "step"];
  return at.map((index, axis) => `${axes[axis] ?? (axis === at.length - 1 ? "unit" : "axis")} ${index}`).join(", ");
}

/** One bar a step on a scale of powers of ten, the full height being the tolerance. */
function overTime({ steps }: Difference, tolerance: number): string {
  if (steps === undefined || steps.length < 2 || steps.every((value) => value === 0)) return "";
  const group = Math.ceil(steps.length / widest);
  const groups = Array.from({ length: Math.ceil(steps.length / group) }, (_, i) =>
    Math.max(...steps.slice(i * group, (i + 1) * group)),
  );
  const height = (value: number): number => {
    if (value === 0) return 0;
    const decades = Math.log10(value / tolerance);
    return Math.max(0, Math.min(bars.length - 1, Math.round(bars.length - 1 + decades)));
  };
  return groups.map((value) => bars[height(value)]).join("");
}

function names(arrays: HostTensors): string {
  return Object.entries(arrays)
    .map(([name, { shape }]) => `"${name}" ${formatShape(shape)}`)
    .join(", ");
}
