/** What a file of PyTorch holds, for people: its modules with what they must be, and what of it Recurve can not run. */
import { FormatError, RecurveError } from "../../base/errors.ts";
import { product } from "../../base/shapes.ts";
import { gateOrder, weightLayouts } from "../../nn/index.ts";
import type { HostTensors } from "../hostTensor.ts";
import { shortened } from "../quoted.ts";
import type { FileReport, ReportPart } from "../report.ts";
import { decodeTorch, stateDictOf, type TorchFile } from "./file.ts";
import { moduleOf, modulesOf, recurrentNames, runsOf, type TorchModule, tensorsByModule } from "./modules.ts";
import { orderModules } from "./order.ts";

const titles = { zip: "PyTorch file (.pt)", legacy: "PyTorch file of before 1.6 (.pt)" } as const;

/** The report of a file of `torch.save`. A file that asks Python for more than tensors gets one too; a damaged one an error. */
export async function inspectTorch(bytes: Uint8Array, where = "torch file"): Promise<FileReport> {
  const format = bytes[0] === 0x50 ? titles.zip : titles.legacy;
  const file = await readable(bytes, where);
  if (typeof file === "string") return { format, facts: [], parts: [], missing: [file] };
  const weights = stateDictOf(file);
  const report = inspectStateDict(weights, format, where);
  const rest = Object.keys(file.tensors).length - Object.keys(weights).length;
  const values = Object.entries(file.values).slice(0, 20);
  return {
    ...report,
    facts: [
      ...report.facts,
      ...(rest > 0 ? [["other tensors", `${rest}, such as those of an optimiser`] as const] : []),
      ...values.map(([name, value]) => [shortened(name), shortened(String(value))] as const),
    ],
  };
}

/** The file, or the sentence that says why it is not read. */
async function readable(bytes: Uint8Array, where: string): Promise<TorchFile | string> {
  try {
    return await decodeTorch(bytes, where);
  } catch (error) {
    if (error instanceof RecurveError && !(error instanceof FormatError)) return error.message;
    throw error;
  }
}

/** The report of tensors by PyTorch's names, as safetensors files of PyTorch hold them too. */
export function inspectStateDict(tensors: HostTensors, format: string, where = "state dict"): FileReport {
  const all = Object.values(tensors);
  const count = all.reduce((sum, { shape }) => sum + product(shape), 0);
  return {
    format,
    facts: [
      ["tensors", String(all.length)],
      ["numbers", String(count)],
    ],
    parts: [...tensorsByModule(tensors)].map(([name, own]) => partOf(name, own, where)),
    missing: missingOf(tensors, where),
  };
}

/** Why no model can be made of it; empty if one can. */
function missingOf(tensors: HostTensors, where: string): string[] {
  try {
    const modules = modulesOf(tensors, where);
    if (modules.length > 0) orderModules(where, modules, {});
    return modules.length > 0 ? [] : [`${where}: expected a state dict, got no tensors.`];
  } catch (error) {
    if (error instanceof RecurveError) return [error.message];
    throw error;
  }
}

function partOf(name: string, tensors: TorchModule["tensors"], where: string): ReportPart {
  const parameters = [...tensors.values()].reduce((sum, { shape }) => sum + product(shape), 0);
  const path = shortened(name);
  try {
    return { path, parameters, ...describe(moduleOf(where, name, tensors), where) };
  } catch (error) {
    if (!(error instanceof RecurveError)) throw error;
    const notes = [...tensors].slice(0, 8).map(([own, { shape }]) => `${shortened(own)} [${shape.join(", ")}]`);
    return { path, kind: "unknown module", parameters, notes };
  }
}

const kinds = {
  matrix: "Embedding or Linear",
  linear: "Linear",
  norm: "LayerNorm",
  batchNorm: "BatchNorm1d",
  conv1d: "Conv1d",
} as const;

function describe(module: TorchModule, where: string): Pick<ReportPart, "kind" | "shape" | "notes"> {
  if (module.kind !== "recurrent")
    return { kind: kinds[module.kind], shape: module.tensors.get("weight")?.shape, notes: [] };
  const runs = runsOf(module, where);
  const [{ inputs, hidden, units, gates, useBias, suffix }] = runs;
  const kind = recurrentNames.get(gates) ?? "simpleRNN";
  const isBoth = runs.some((run) => run.suffix.endsWith("_reverse"));
  const layers = runs.length / (isBoth ? 2 : 1);
  const layout = weightLayouts.pytorch.cells[kind];
  const order = "refused" in layout ? "" : gateOrder(layout);
  const title = { lstm: "LSTM", gru: "GRU", simpleRNN: "RNN" }[kind] + (suffix === "" ? "Cell" : "");
  const notes = [
    `input ${inputs}, units ${units}`,
    ...(order === "" ? [] : [`gates ${order}`]),
    ...(layers > 1 ? [`${layers} layers`] : []),
    ...(isBoth ? ["bidirectional"] : []),
    ...(hidden === units ? [] : [`projected to ${hidden}`]),
    ...(useBias ? [] : ["no bias"]),
  ];
  return { kind: title, notes };
}
