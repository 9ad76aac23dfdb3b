/**
 * The text of docs/features.md: what Recurve has, read from the code that has it: names from the closed tables, options
 * from constructed layers, sentences from the comments of exports. `npm run golden` writes the file.
 */
import { readFileSync } from "node:fs";
import { interpretRules } from "../src/graph/interpret.ts";
import { binaryOps, unaryOps } from "../src/graph/ops.ts";
import * as api from "../src/index.ts";
import { activationRules } from "../src/nn/activations.ts";
import { initializerRules } from "../src/nn/initializers.ts";
import type { OptionRule } from "../src/nn/options.ts";
import * as node from "../src/node.ts";
import { losses } from "../src/train/losses.ts";
import { metrics } from "../src/train/metrics.ts";
import { optimisers } from "../src/train/optimisers.ts";

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
    "Written by `npm run golden` from the code; a test keeps it current. Options show their defaults.",
    "",
    ...section("Operations on tensors", operations()),
    ...section("Functions of functions", entries("trace", ["compile", "grad", "scan", "variable"])),
    ...section("Layers", layers()),
    ...section("Cells", cells()),
    ...section("Models", entries("nn", ["network", "model"])),
    ...section("Activations", choices(activationRules)),
    ...section("Initialisers", choices(initializerRules)),
    ...section("Losses", table(["loss", ""], named("losses", Object.keys(losses)))),
    ...section("Metrics", table(["metric", ""], named("metrics", Object.keys(metrics)))),
    ...section("Optimisers", optimiserTable()),
    ...section("Clipping", entries("train", ["clipping"])),
    ...section("Learning-rate schedules", entries("train", ["schedules"])),
    ...section("Training", entries("train", ["fit", "evaluate", "trainer", "callbacks"])),
    ...section("Data", entries("train", ["data", "lanes"])),
    ...section("Files (`recurve/node`)", nodeTable()),
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

/** The exported functions and values of a file that have a comment, in the file's order. */
function exportsOf(file: string): Entry[] {
  const text = readFileSync(new URL(`../src/${file}.ts`, import.meta.url), "utf8");
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

/** The public exports of some files of a layer. */
function entries(layer: string, files: readonly string[]): string[] {
  const found = files.flatMap((file) => exportsOf(`${layer}/${file}`)).filter(({ name }) => name in api);
  return table(
    ["", ""],
    found.map(({ name, signature, sentence }) => [`\`${/^[A-Z]/.test(name) ? name : signature}\``, sentence]),
  );
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
    ["losses", "metrics"].flatMap((one) => exportsOf(`train/${one}`)).map((entry) => [entry.name, entry]),
  );
  return names.map((name) => [code(name), known.get(name)?.sentence ?? `See ${file}.`]);
}

// ---- from values ----------------------------------------------------------------------------------------------------

function layers(): string[] {
  const one = { units: 1 };
  const made: readonly (readonly [string, string, object, readonly string[]])[] = [
    ["simpleRNN", "nn/rnn", api.simpleRNN(one).options, ["units"]],
    ["lstm", "nn/rnn", api.lstm(one).options, ["units"]],
    ["gru", "nn/rnn", api.gru(one).options, ["units"]],
    ["rnn", "nn/rnn", { ...api.rnn(api.gruCell(one)).options }, ["cell"]],
    ["embedding", "nn/embedding", api.embedding({ inputDim: 1, outputDim: 1 }).options, ["inputDim", "outputDim"]],
    ["dense", "nn/dense", api.dense(one).options, ["units"]],
    ["dropout", "nn/dropout", api.dropout({ rate: 0 }).options, ["rate"]],
    ["activation", "nn/activationLayer", {}, []],
  ];
  return optionTable("layer", made);
}

function cells(): string[] {
  const one = { units: 1 };
  return [
    ...optionTable("cell", [
      ["simpleRNNCell", "nn/cells/simpleRNN", api.simpleRNNCell(one).options, ["units"]],
      ["lstmCell", "nn/cells/lstm", api.lstmCell(one).options, ["units"]],
      ["gruCell", "nn/cells/gru", api.gruCell(one).options, ["units"]],
    ]),
    "",
    "`defineCell({ name, options?, params, state, outputSize?, step })` makes a cell of your own, which can do all that these can; `stackCells([...])` makes one cell of several.",
  ];
}

function optionTable(what: string, made: readonly (readonly [string, string, object, readonly string[]])[]): string[] {
  const rows = made.map(([name, file, options, required]) => {
    const { sentence } = exportsOf(file).find((entry) => entry.name === name) as Entry;
    const shown = Object.entries(options).filter(([, value]) => value !== undefined);
    const texts = shown.map(([key, value]) => (required.includes(key) ? `**${key}**` : `${key} = ${literal(value)}`));
    return [code(name), texts.join(", "), firstClause(sentence)];
  });
  return table([what, "options (bold: required)", ""], rows);
}

/** A comment may go on with formulas after a colon. */
function firstClause(sentence: string): string {
  return sentence.startsWith("With x") ? "One step; its formulas are at the function." : sentence;
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
