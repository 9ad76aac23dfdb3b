/** A report of any file, drawn for people: facts, inputs and outputs, parts as a tree by their paths, and what is missing. */
import type { FileReport, ReportPart, ReportValue } from "../io/formats.ts";
import { groupDigits, type Terminal, wrapText } from "./terminal.ts";
import { drawTree, type TreeNode } from "./tree.ts";

/** Parts that are shown; of more, a line says how many are left out. `--json` has all. */
const most = 200;

/** Lines of a report. */
export function reportLines(path: string, report: FileReport, { colors }: Pick<Terminal, "colors">): string[] {
  const { format, facts, inputs = [], outputs = [], parts, missing } = report;
  const total = parts.reduce((sum, { parameters = 0 }) => sum + parameters, 0);
  const nodes = [
    ...inputs.map((value) => valueNode(value, "input")),
    ...parts.slice(0, most).map(partNode),
    ...outputs.map((value) => valueNode(value, "output")),
  ];
  const width = Math.max(0, ...facts.map(([label]) => label.length));
  return [
    `${colors.bold(path)}  ${format}`,
    ...facts.map(([label, value]) => `${colors.dim(label.padEnd(width))}  ${value}`),
    "",
    ...(nodes.length === 0 ? [] : drawTree(nodes, colors)),
    ...(parts.length > most ? [colors.dim(`... and ${parts.length - most} more; --json lists all`)] : []),
    ...(total > 0 ? ["", `${colors.bold(groupDigits(total))} numbers`] : []),
    ...(missing.length === 0
      ? []
      : ["", colors.yellow("Recurve can not run it:"), ...missing.map((line) => wrapText(line, 80, "  "))]),
  ];
}

function valueNode({ name, dtype, shape }: ReportValue, role: string): TreeNode {
  return { name, cells: [`${role} ${dtype}`, written(shape)] };
}

function partNode({ path, kind, shape, parameters = 0, notes }: ReportPart): TreeNode {
  return {
    name: path,
    cells: [kind, shape === undefined ? "" : written(shape), notes.join("; ")],
    count: parameters === 0 ? "" : groupDigits(parameters),
  };
}

function written(shape: readonly (number | string | null)[]): string {
  return `[${shape.map((size) => size ?? "?").join(", ")}]`;
}
