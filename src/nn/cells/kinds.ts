/** The built-in cells by kind, and how a stored definition becomes a cell again. */
import { OptionError } from "../../base/errors.ts";
import type { Options } from "../options.ts";
import type { Cell, CellDefinition } from "./cell.ts";
import { type GruOptions, gruCell } from "./gru.ts";
import { type LstmOptions, lstmCell } from "./lstm.ts";
import { type SimpleRNNOptions, simpleRNNCell } from "./simpleRNN.ts";
import { stack } from "./stack.ts";

/** A constructor of cells, as given for loading a model that has a cell of the user's own. */
export type CellMaker = (options: never) => Cell;

/** Constructors of the user's own cells by kind. */
export type CellMakers = { readonly [kind: string]: CellMaker };

const cellKinds: { readonly [kind: string]: (options: Options) => Cell } = Object.freeze({
  simpleRNN: (options: Options) => simpleRNNCell(options as unknown as SimpleRNNOptions),
  lstm: (options: Options) => lstmCell(options as unknown as LstmOptions),
  gru: (options: Options) => gruCell(options as unknown as GruOptions),
});

/** The cell of a definition; `where` begins the sentence when its kind is not known. */
export function cellFromDefinition(where: string, { kind, options }: CellDefinition, own: CellMakers): Cell {
  if (kind === "stack") {
    const cells = Object.entries(options.cells as unknown as Record<string, CellDefinition>);
    return stack(Object.fromEntries(cells.map(([name, cell]) => [name, cellFromDefinition(where, cell, own)])));
  }
  const make = Object.hasOwn(own, kind) ? (own[kind] as unknown as (options: Options) => Cell) : cellKinds[kind];
  if (make !== undefined) return make(options);
  const known = [...Object.keys(cellKinds), ...Object.keys(own)];
  throw new OptionError(
    `${where}: expected a cell of a known kind (${known.join(", ")}), got "${kind}". It is a cell of someone's own: pass its constructor as { cells: { ${kind}: (options) => ... } }.`,
    { kind, known },
  );
}
