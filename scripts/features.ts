/**
 * The text of docs/features.md: what Recurve has, read from the code that has it: names from the closed tables, options
 * from constructed layers, sentences from the comments of exports. `npm run golden` writes the file.
 */
import { readdirSync, readFileSync } from "node:fs";
import { interpretRules } from "../src/graph/interpret.ts";
import { binaryOps, unaryOps } from "../src/graph/ops.ts";
import * as api from "../src/index.ts";
import { activationRules } from "../src/nn/activations.ts";
import { layerKinds } from "../src/nn/kinds.ts";
import type { OptionRule } from "../src/nn/options.ts";
import { constraintRules } from "../src/nn/weights/constraints.ts";
import { initializerRules } from "../src/nn/weights/initializers.ts";
import { weightLayouts } from "../src/nn/weights/layouts/formats.ts";
import { regularizerRules } from "../src/nn/weights/regularizers.ts";
import * as node from "../src/node.ts";
import { losses } from "../src/train/losses.ts";
import { metrics } from "../src/train/metrics.ts";
import { optimisers } from "../src/train/optimisers.ts";
import { checklist, checklistRows } from "./checklist.ts";

const sources = new URL("../src/", import.meta.url);
const files = readdirSync(sources, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !file.endsWith("index.ts"))
  .map((file) => file.replace(/\.ts$/, ""));

/** An export of a source file with what its comment says first. */
interface Entry {
  readonly name: string;
  readonly signature: string;
  readonly sentence: string;
}

/** The whole page. */
export function features(): string {
  return [
    "# What there is",
    "",
    "Written by `npm run golden` from the code; a test keeps it current. Options show their defaults, bold ones are required.",
    "",
    ...section("Operations on tensors", operations()),
    ...section("Functions of functions", entries("trace", ["compile", "grad", "scan", "variable"])),
    ...section("Layers", layers()),
    ...section("Cells", cells()),
    ...section("Attention", entries("nn/attention", ["mechanism", "monotonic"])),
    ...section(
      "Models",
      entries("nn", [
        "network/drawing",
        "recurrent/masking",
        "recurrent/conditioning",
        "model/model",
        "recurrent/runCell",
      ]),
    ),
    ...section("Weights", weights()),
    ...section(
      "Decoding",
      entries("decode", ["generate", "decode", "strategy", "scheduled", "scheduledForward", "handOff"]),
    ),
    ...section("Activations", choices(activationRules)),
    ...section("Initialisers", choices(initializerRules)),
    ...section("Regularisers", choices(regularizerRules)),
    ...section("Constraints", choices(constraintRules)),
    ...section("Losses", table(["loss", ""], named("losses", Object.keys(losses)))),
    ...section("Metrics", table(["metric", ""], named("metrics", Object.keys(metrics)))),
    ...section("Optimisers", optimiserTable()),
    ...section("Clipping", entries("train", ["clipping"])),
    ...section("Learning-rate schedules", entries("train", ["schedules"])),
    ...section(
      "Training",
      entries("train", ["fit", "evaluate", "trainer", "callbacks", "perExample", "collapse", "reduce"]),
    ),
    ...section("Data", entries("train", ["data", "lanes", "sequences", "packing", "buckets"])),
    ...section("Files (`recurve/node`)", nodeTable()),
    ...section("Recurrent networks, feature by feature", answers()),
  ].join("\n");
}

function section(title: string, lines: readonly string[]): string[] {
  return [`## ${title}`, "", ...lines, ""];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)];
}

// ---- from comments --------------------------------------------------------------------------------------------------

function textOf(file: string): string {
  return readFileSync(new URL(`${file}.ts`, sources), "utf8");
}

/** The exported functions and values of a file that have a comment, in the file's order. */
function exportsOf(file: string): Entry[] {
  const text = textOf(file);
  const pattern =
    /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\nexport (?:async )?(?:function|const|class|abstract class) (\w+)(?:<[^(]*>)?(.*(?:\n(?!\}|export|\/\*\*).*)*)/g;
  const all = [...text.matchAll(pattern)].map(([, comment, name, rest]) => ({
    name,
    signature: `${name}(${parametersOf(rest)})`,
    sentence: firstSentence(comment),
  }));
  // The comment of a function with overloads stands at the first.
  return all.filter(({ name }, i) => all.findIndex((other) => other.name === name) === i);
}

function firstSentence(comment: string): string {
  const text = comment
    .replace(/^\s*\* ?/gm, " ")
    .replace(/\s+/g, " ")
    .trim();
  const sentence = text.split(/(?<=\.) (?=[A-Z`])/)[0];
  return sentence.endsWith(".") ? sentence : `${sentence}.`;
}

/** The names of the parameters in `(x: Tensor, axis = -1): Tensor {`: `x, axis?`. */
function parametersOf(text: string): string {
  const start = text.indexOf("(");
  const names: string[] = [];
  let [depth, at] = [0, start + 1];
  for (let i = start; i >= 0 && i < text.length; i++) {
    const letter = text[i];
    if (letter === "=" && text[i + 1] === ">") i++;
    else if ("([{<".includes(letter)) depth++;
    else if (")]}>".includes(letter)) depth--;
    const isLast = depth === 0;
    if (!isLast && !(depth === 1 && letter === ",")) continue;
    names.push(parameter(text.slice(at, i)));
    at = i + 1;
    if (isLast) break;
  }
  // A type that runs over several lines ends with a brace at the margin, where the text is cut.
  if (depth > 0) names.push(parameter(text.slice(at)));
  return names.filter((name) => name !== "").join(", ");
}

function parameter(text: string): string {
  const [, rest = "", name = "", mark = ""] = /^\s*(\.\.\.)?(\w+)(\?)?/.exec(text) ?? [];
  const isOptional = mark === "?" || /^[^:]*=|[^=]=[^=>]/.test(text);
  return name === "" ? (text.trim() === "" ? "" : "options") : `${rest}${name}${isOptional ? "?" : ""}`;
}

/** What is exported under a name, wherever it stands. */
function found(name: string): Entry {
  const entry = files
    .filter((file) => /^nn\//.test(file))
    .flatMap(exportsOf)
    .find((one) => one.name === name);
  if (entry === undefined) throw new Error(`features: no comment found of ${name}`);
  return entry;
}

/** The public exports of some files of a layer, in whatever folder of it they lie. */
function entries(layer: string, names: readonly string[]): string[] {
  const paths = names.map((name) => {
    const path = files.find((file) => file.startsWith(`${layer}/`) && `/${file}`.endsWith(`/${name}`));
    if (path === undefined) throw new Error(`features: no file ${name} in ${layer}`);
    return path;
  });
  const listed = paths.flatMap(exportsOf).filter(({ name }) => name in api);
  return table(
    ["", ""],
    listed.map(({ name, signature, sentence }) => [code(isFunction(name) ? signature : name), sentence]),
  );
}

function isFunction(name: string): boolean {
  return /^[a-z]/.test(name) && typeof (api as Readonly<Record<string, unknown>>)[name] === "function";
}

function operations(): string[] {
  const groups = { elementwise: "Element by element", reduce: "Sums and products", arrays: "Shapes", random: "Random" };
  const tables = Object.entries(groups).flatMap(([file, title]) => [
    `### ${title}`,
    "",
    ...entries("trace", [file]),
    "",
  ]);
  const others = Object.keys(interpretRules).filter((op) => ![...unaryOps, ...binaryOps].includes(op as never));
  return [
    "Eager outside of compiled functions, traced inside. Two operands broadcast as in NumPy.",
    "",
    ...tables,
    `They are made of ${Object.keys(interpretRules).length} operations of the graph: ${[...unaryOps, ...binaryOps].map(code).join(", ")} element by element, and ${others.map(code).join(", ")}.`,
  ];
}

/** The entries of a closed table of training with their comments. */
function named(file: string, names: readonly string[]): string[][] {
  const known = new Map(
    ["losses", "regression", "metrics"].flatMap((one) => exportsOf(`train/${one}`)).map((entry) => [entry.name, entry]),
  );
  return names.map((name) => [code(name), known.get(name)?.sentence ?? `See ${file}.`]);
}

// ---- from values ----------------------------------------------------------------------------------------------------

const one = { units: 1 };
const sliding = { filters: 1, kernelSize: 1 };

/** What the constructors of layers can not do without, beside a name. */
const needs: Readonly<Record<string, object>> = {
  ...Object.fromEntries(["simpleRNN", "lstm", "gru", "dense", "conditionedState"].map((kind) => [kind, one])),
  ...Object.fromEntries(
    ["conv1D", "conv2D", "conv3D", "convLSTM1D", "convLSTM2D", "convLSTM3D"].map((kind) => [kind, sliding]),
  ),
  rnn: { cell: { kind: "gru", options: one } },
  bidirectional: { layer: { name: "inner", kind: "gru", options: one } },
  timeDistributed: { layer: { name: "inner", kind: "dense", options: one } },
  embedding: { inputDim: 1, outputDim: 1 },
  activation: { activation: "relu" },
  dotLayer: { axes: 1 },
  dropout: { rate: 0.5 },
  gaussianDropout: { rate: 0.5 },
  gaussianNoise: { stddev: 1 },
  spatialDropout1D: { rate: 0.5 },
  permute: { dims: [1] },
  repeatVector: { n: 1 },
  rescaling: { scale: 1 },
  reshapeLayer: { targetShape: [1] },
};

/** Every kind of layer that has a public constructor. */
function layers(): string[] {
  const rows = Object.entries(layerKinds)
    .filter(([kind]) => kind in api)
    .map(([kind, make]) => {
      const required = needs[kind] ?? {};
      const layer = make({ name: "a", ...required } as never, { cells: {}, layers: {} });
      return optionRow(kind, layer.options, Object.keys(required));
    });
  return [weightsNote, "", ...table(["layer", "options", ""], rows)];
}

const weightsNote =
  "Where there is `kernelInitializer` there are `kernelRegularizer` and `kernelConstraint` too, and so for every weight; by default there are none. Recurrent layers take the options of their cell and those of `rnn`.";

/** What the constructors of cells can not do without. */
const cellNeeds: Readonly<Record<string, object>> = {
  ...Object.fromEntries(["1D", "2D", "3D"].map((rank) => [`convLSTM${rank}Cell`, sliding])),
  clockworkCell: { units: 1, periods: [1] },
  zoneoutCell: { rate: 0.1 },
  dropoutCell: { input: 0.5 },
  residualCell: {},
  highwayCell: {},
  weightNormCell: {},
  attentionCell: {},
  attentionCellWrapper: { attnLength: 1 },
};

/** Every public constructor of cells, and of cells around a cell. */
function cells(): string[] {
  const makers = Object.entries(api as Readonly<Record<string, unknown>>).filter(
    ([name]) => /Cell(Wrapper)?$/.test(name) && !["defineCell", "runCell", "wrapCell"].includes(name),
  );
  const isWrapper = ([name]: readonly [string, unknown]): boolean => found(name).signature.includes("(cell");
  const row = ([name, make]: readonly [string, unknown], around: readonly unknown[]): string[] => {
    const required = cellNeeds[name] ?? one;
    const { options } = (make as (...values: unknown[]) => api.Cell)(...around, required);
    const { cell: _cell, mechanism: _mechanism, ...own } = options as Readonly<Record<string, unknown>>;
    return optionRow(name, own, Object.keys(required));
  };
  const inner = api.lstmCell(one);
  return [
    ...table(
      ["cell", "options", ""],
      makers.filter((maker) => !isWrapper(maker)).map((maker) => row(maker, [])),
    ),
    "",
    "Around a cell:",
    "",
    ...table(
      ["cell", "options", ""],
      makers
        .filter(isWrapper)
        .map((maker) => row(maker, maker[0] === "attentionCell" ? [inner, api.luong()] : [inner])),
    ),
    "",
    "`defineCell({ name, options?, params, state, outputSize?, step })` makes a cell of your own, which can do all that these can; `wrapCell(cell, { name, step })` one around a cell; `stackCells([...])` one of several.",
  ];
}

function weights(): string[] {
  const formats = Object.entries(weightLayouts).map(([name, { title }]) => `${code(name)} (${title})`);
  return [
    ...entries("nn/weights", ["gates", "weights", "adapt", "layouts/convert", "layouts/explain"]),
    "",
    `The formats that weights are read from and written to: ${formats.join(", ")}.`,
  ];
}

/** The checklist of recurrent networks. */
function answers(): string[] {
  const parts = Object.entries(checklist).flatMap(([title, rows]) => [
    `### ${title}`,
    "",
    ...table(["", "feature", "", "here", "shown by"], checklistRows(rows)),
    "",
  ]);
  const intro =
    "What recurrent networks have elsewhere, and the answer here: *works*, with how it is written and the test that shows it (a file below `test/` and a name), or *not offered*, with the reason and what to do instead.";
  return [intro, "", ...parts.slice(0, -1)];
}

function optionRow(name: string, options: object, required: readonly string[]): string[] {
  if (`${name}Cell` in api) {
    const own = required.map((key) => `**${key}**`).join(", ");
    return [code(name), `${own}, those of \`${name}Cell\`, those of \`rnn\``, found(name).sentence];
  }
  const shown = Object.entries(options).filter(
    ([key, value]) => value !== undefined && !(value === null && /(Regularizer|Constraint)$/.test(key)),
  );
  const texts = shown.map(([key, value]) => (required.includes(key) ? `**${key}**` : `${key} = ${literal(value)}`));
  return [code(name), texts.join(", "), aboutCell(name) ?? found(name).sentence];
}

/** What the file of a cell says first, where the cell's own comment begins with formulas. */
function aboutCell(name: string): string | undefined {
  if (!found(name).sentence.startsWith("With x")) return undefined;
  const file = files.find((one) => one.startsWith("nn/") && exportsOf(one).some((entry) => entry.name === name));
  const [, comment] = /^\/\*\*([\s\S]*?)\*\//.exec(textOf(file as string)) as RegExpExecArray;
  return firstSentence(comment).replace(/ One step\.$/, "");
}

function choices(rules: Readonly<Record<string, Readonly<Record<string, OptionRule<unknown>>>>>): string[] {
  const texts = Object.entries(rules).map(([name, options]) => {
    const inner = Object.entries(options).map(([key, { fallback }]) => `${key}: ${literal(fallback)}`);
    return inner.length === 0 ? code(name) : `\`{ name: "${name}", ${inner.join(", ")} }\``;
  });
  return [`By name, or as an object with options: ${texts.join(", ")}.`];
}

function optimiserTable(): string[] {
  const known = new Map(exportsOf("train/optimisers").map((entry) => [entry.name, entry.sentence]));
  const rows = Object.entries(optimisers).map(([name, make]) => {
    const { learningRate, options } = make();
    const texts = Object.entries({ learningRate, ...options }).map(([key, value]) => `${key} = ${literal(value)}`);
    return [code(name), texts.join(", "), known.get(name) ?? ""];
  });
  return table(["optimiser", "options", ""], rows);
}

function nodeTable(): string[] {
  const found = exportsOf("node").filter(({ name }) => name in node);
  return table(
    ["", ""],
    found.map(({ signature, sentence }) => [code(signature), sentence]),
  );
}

function literal(value: unknown): string {
  return typeof value === "string" ? `"${value}"` : JSON.stringify(value);
}

function code(text: string): string {
  return `\`${text}\``;
}
