/** `recurve inspect`: a file as a tree. Models with layers, gates and state; checkpoints with their standing; other files as tensors. */
import { formatShape } from "../../base/shapes.ts";
import { decodeCheckpoint, decodeSafetensors, type FileKind, fileKind, modelOfCheckpoint } from "../../io/index.ts";
import { readBytes } from "../../io/node/files.ts";
import { inspectFile } from "../../io/node/load.ts";
import { formatDuration } from "../../train/index.ts";
import { reportLines } from "../fileReport.ts";
import { type LayerReport, type ModelReport, reportModel, type WeightReport } from "../modelReport.ts";
import { modelEntries, openModel, ownKinds } from "../openModel.ts";
import type { InspectOptions } from "../options.ts";
import { groupDigits, type Terminal, wrapText } from "../terminal.ts";
import { rememberedModule } from "../text/plan.ts";
import { drawTree, type TreeNode } from "../tree.ts";

export async function inspect(path: string, options: InspectOptions, terminal: Terminal): Promise<void> {
  const kind = await ownKind(path);
  if (kind === "checkpoint") return inspectCheckpoint(path, options, terminal);
  if (kind === "model") {
    const { model, metadata } = await openModel(path, options.cell);
    const report = reportModel(model);
    return show(
      { file: path, kind, model: report, metadata: shownMetadata(metadata) },
      () => modelLines(path, report, textFacts(metadata), terminal),
      options,
      terminal,
    );
  }
  const report = await inspectFile(path);
  show({ file: path, ...report }, () => reportLines(path, report, terminal), options, terminal);
}

/** Of a file of Recurve what it holds; undefined for files of others. */
async function ownKind(path: string): Promise<FileKind | undefined> {
  if (!path.endsWith(".safetensors") && !path.endsWith(".checkpoint")) return undefined;
  const kind = fileKind(decodeSafetensors(await readBytes(path), path).metadata);
  return kind === "tensors" ? undefined : kind;
}

async function inspectCheckpoint(path: string, options: InspectOptions, terminal: Terminal): Promise<void> {
  const checkpoint = decodeCheckpoint(await readBytes(path), path);
  const model = reportModel(
    modelOfCheckpoint(checkpoint, await ownKinds(options.cell ?? rememberedModule(checkpoint, path)), path),
  );
  const { steps, position, seconds, optimizer } = checkpoint.state.json;
  const standing = `training after step ${groupDigits(steps)} (epoch ${position.epoch + 1}, batch ${position.index + 1} next; ${formatDuration(seconds * 1000)} with ${optimizer.kind})`;
  show(
    {
      file: path,
      kind: "checkpoint",
      steps,
      position,
      seconds,
      optimizer,
      model,
      metadata: Object.keys(checkpoint.metadata),
    },
    () => modelLines(path, model, [standing], terminal),
    options,
    terminal,
  );
}

function show(facts: object, lines: () => readonly string[], { json }: InspectOptions, { out }: Terminal): void {
  out.write(json === true ? `${JSON.stringify(facts)}\n` : `${lines().join("\n")}\n`);
}

function modelLines(path: string, report: ModelReport, facts: readonly string[], { colors }: Terminal): string[] {
  const heads: TreeNode[] = report.inputs.map(({ name, shape, dtype }) => ({
    name,
    cells: [`input ${dtype} ${shape}`],
  }));
  const roots = [...heads, ...report.layers.map(layerNode)];
  return [
    `${colors.bold(path)}  model "${report.name}"`,
    ...facts.map((fact) => wrapText(fact, 80)),
    "",
    ...drawTree(roots, colors),
    "",
    `${colors.bold(groupDigits(report.parameters))} parameters, ${formatBytes(report.bytes)}; state of ${groupDigits(report.statePerRow)} numbers for each row of a batch`,
  ];
}

function layerNode({ name, kind, output, parameters, weights, state, shared }: LayerReport): TreeNode {
  const states = state.map((part): TreeNode => ({ name: part.name, cells: [`state ${part.shape}`] }));
  return {
    name,
    cells: [name === kind ? output : `${kind} ${output}`, shared ? "same weights as above" : ""],
    count: shared || parameters === 0 ? "" : groupDigits(parameters),
    children: [...(shared ? [] : weightNodes(weights)), ...states],
  };
}

/** `kernel` as it is; `cells.0.kernel`, `cells.0.bias` below one node `cells.0`. */
function weightNodes(weights: readonly WeightReport[]): TreeNode[] {
  const groups = new Map<string, TreeNode[]>();
  for (const weight of weights) {
    const cut = weight.path.lastIndexOf(".");
    const group = weight.path.slice(0, Math.max(0, cut));
    groups.set(group, [...(groups.get(group) ?? []), weightNode(weight.path.slice(cut + 1), weight)]);
  }
  return [...groups].flatMap(([name, children]) => (name === "" ? children : [{ name, cells: [], children }]));
}

function weightNode(name: string, { shape, gates, parametersPerGate, parameters }: WeightReport): TreeNode {
  const perGate = gates === undefined ? "" : `${gates.join(" | ")}: ${groupDigits(parametersPerGate ?? 0)} each`;
  return { name, cells: [formatShape(shape), perGate], count: groupDigits(parameters) };
}

function textFacts(metadata: Readonly<Record<string, string>>): string[] {
  const training = metadata[modelEntries.training];
  if (training === undefined) return [];
  const { files, characters, bitsPerCharacter } = JSON.parse(training) as {
    files: number;
    characters: number;
    bitsPerCharacter: number;
  };
  return [
    `learned from ${groupDigits(characters)} characters of ${groupDigits(files)} file${files === 1 ? "" : "s"}; ${bitsPerCharacter.toFixed(3)} bits per character on held-out text`,
  ];
}

function shownMetadata(metadata: Readonly<Record<string, string>>): Record<string, unknown> {
  const training = metadata[modelEntries.training];
  return { ...metadata, ...(training === undefined ? {} : { [modelEntries.training]: JSON.parse(training) }) };
}

function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  return bytes < 2 ** 20 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
