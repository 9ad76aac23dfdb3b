/** `recurve demo`, the main job of `npm start`: Recurve learns to write its own source in about a minute. */
import { access } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { DemoOptions, TrainOptions } from "../options.ts";
import { lineWidth, shellWord, type Terminal, wrapText } from "../terminal.ts";
import { jsonWatcher } from "../text/lines.ts";
import { planTraining } from "../text/plan.ts";
import { screenWatcher } from "../text/screen.ts";
import { type TrainingPlan, trainText } from "../text/training.ts";
import { writeText } from "../text/writer.ts";

/** Sizes that learn most in a minute on two cores, found by trying. */
const sizes = {
  units: 192,
  layers: 1,
  cell: "gru",
  embedding: 48,
  dropout: 0,
  seq: 32,
  batch: 16,
  learningRate: 0.005,
} as const;
const seedText = "export function ";

export async function demo({ minutes, out, seed, json }: DemoOptions, terminal: Terminal): Promise<void> {
  const { paths, extensions, what } = await ownText();
  const text = { heldOut: 0.1, minCount: 3, extensions };
  const options: TrainOptions = { ...sizes, ...text, minutes, seed, out, checkpointEvery: 30 };
  if (json !== true) showIntroduction(`${what}, ${extensions.join(" and ")}`, terminal);
  const plan = { ...(await planTraining(paths, options, terminal)), sampleEvery: Math.max(2, minutes * 8) };
  await trainText(plan, json === true ? jsonWatcher(terminal.out) : screenWatcher(terminal), terminal);
  if (json === true) return;
  showWriting(plan, terminal);
  showNext(plan, terminal);
}

function showIntroduction(what: string, terminal: Terminal): void {
  const { colors, out } = terminal;
  const text = `Reading ${what}. The samples below are drawn while it learns.`;
  write(terminal, "", `  ${colors.bold("Recurve")} learns to write its own source, one character at a time.`, "");
  write(terminal, colors.dim(wrapText(text, lineWidth(out) - 2, "  ")), "");
}

/** The source that lies beside the program: of a clone what git tracks, of an installed package what it ships. */
async function ownText(): Promise<{ paths: string[]; extensions: string[]; what: string }> {
  const root = fileURLToPath(new URL("../../../", import.meta.url));
  const exists = (name: string): Promise<boolean> =>
    access(join(root, name)).then(
      () => true,
      () => false,
    );
  const isClone = await exists("src");
  const wanted = isClone
    ? ["src", "test", "docs", "examples", "bench", "scripts", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"]
    : ["dist", "README.md", "CHANGELOG.md"];
  const found = (await Promise.all(wanted.map(exists))).flatMap((there, i) => (there ? [wanted[i]] : []));
  const near = relative(process.cwd(), root);
  const paths = found.map((name) => (near.startsWith("..") ? join(root, name) : join(near, name)));
  return {
    paths,
    extensions: isClone ? [".ts", ".md"] : [".js", ".md"],
    what: `${isClone ? "this repository" : "this package"} (${found.join(", ")})`,
  };
}

function showWriting({ model, corpus, seed }: TrainingPlan, terminal: Terminal): void {
  const { colors } = terminal;
  const written = [...writeText(model, corpus.vocabulary, { seedText, length: 500, temperature: 0.5, seed })].join("");
  write(terminal, "", `  It writes, after reading ${colors.bold(JSON.stringify(seedText))}, at temperature 0.5:`, "");
  const room = lineWidth(terminal.out) - 5;
  for (const line of (seedText + written).split("\n").flatMap((text) => cutLine(text, room))) {
    write(terminal, `  ${colors.dim("│")} ${colors.cyan(line)}`.trimEnd());
  }
}

function cutLine(line: string, width: number): string[] {
  const characters = [...line];
  const rows = Math.max(1, Math.ceil(characters.length / width));
  return Array.from({ length: rows }, (_, row) => characters.slice(row * width, (row + 1) * width).join(""));
}

function showNext({ out, resumeCommand }: TrainingPlan, terminal: Terminal): void {
  const { program, colors } = terminal;
  const model = shellWord(out);
  const next: [string, string][] = [
    ["more text, calmer or wilder", `${program} generate ${model} --temperature 0.4`],
    ["look inside", `${program} inspect ${model}`],
    ["learn for three more minutes", `${resumeCommand} --minutes 3`],
    ["your own text", `${program} train <files or folders> --minutes 5`],
  ];
  write(terminal, "", "  What next?", "");
  for (const [what, command] of next) write(terminal, colors.dim(`  ${what}`), `    ${command}`);
  write(terminal, "");
}

function write({ out }: Terminal, ...lines: readonly string[]): void {
  out.write(`${lines.join("\n")}\n`);
}
