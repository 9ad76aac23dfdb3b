/** Cells of the user's own: an ES module whose default export is `({ units }) => Cell`, as `--cell` names it. */
import { access } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { OptionError } from "../base/errors.ts";
import { nearestName } from "../base/nearest.ts";
import { readError } from "../io/node/files.ts";
import type { Cell } from "../nn/index.ts";
import { builtInCells } from "./text/languageModel.ts";

export type CellMaker = (options: { units: number }) => Cell;

/** Imports a module and checks what it exports. The error for a word that is no path names the built-in cells. */
export async function loadCellModule(path: string): Promise<CellMaker> {
  const where = `--cell ${path}`;
  await access(path).catch(async (error) => {
    if (/[./\\]/.test(path)) throw await readError(path, String(error.code), error);
    const near = nearestName(path, builtInCells);
    throw new OptionError(
      `${where}: expected ${builtInCells.join(", ")} or the path of a module, got "${path}". ${near === undefined ? "Give one of these." : `Did you mean ${near}?`}`,
      { cell: path },
    );
  });
  if (/\.[cm]?tsx?$/.test(path)) {
    throw new OptionError(
      `${where}: expected a JavaScript module, got TypeScript. Compile it first (npx tsc) and give the .js file.`,
      { cell: path },
    );
  }
  const loaded: unknown = await import(pathToFileURL(resolve(path)).href).catch((error) => {
    throw new OptionError(`${where}: the module could not be loaded (${String(error)}). Mend the module.`, {
      cell: path,
    });
  });
  const make = (loaded as { default?: unknown }).default;
  if (typeof make !== "function") {
    throw new OptionError(
      `${where}: expected a module whose default export is a function ({ units }) => Cell, got ${make === undefined ? "none" : typeof make}. Write: export default ({ units }) => defineCell({ ... }).`,
      {
        cell: path,
      },
    );
  }
  return (options) => checkCell(where, make(options));
}

function checkCell(where: string, cell: unknown): Cell {
  const isCell = typeof cell === "object" && cell !== null && "kind" in cell && "step" in cell;
  if (isCell) return cell as Cell;
  throw new OptionError(
    `${where}: expected the module's function to return a cell, got ${cell === null ? "null" : typeof cell}. Return what defineCell({ ... }) gives.`,
    {},
  );
}
