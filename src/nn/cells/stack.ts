/** A stack of cells: each cell's output is the next one's input within a step. A stack is itself a cell. */
import { OptionError } from "../../base/errors.ts";
import type { Tree } from "../../base/trees.ts";
import { type Tensor, withScope } from "../../trace/index.ts";
import type { ParamSpec, StateSpec } from "../layer.ts";
import type { Json } from "../options.ts";
import { type Cell, type CellCall, type CellResult, definitionOfCell, type StepShapes, stepCell } from "./cell.ts";

/** Cells bottom first: named by position (`0`, `1`, ...), or by the names of an object. */
export type Cells = readonly Cell[] | { readonly [name: string]: Cell };

/** Makes one cell of several. Its state is `{ [cell]: state of the cell }`, its weights `cells.[cell].[weight]`. */
export function stack(cells: Cells): Cell {
  const entries = Object.entries(cells) as [string, Cell][];
  if (entries.length === 0)
    throw new OptionError("stack: expected one cell or more, got none. Give it cells, bottom first.");
  const options = { cells: Object.fromEntries(entries.map(([name, cell]) => [name, definitionOfCell(cell)])) };
  // The step shapes that each cell sees, from those of the stack.
  const below = (inputs: StepShapes): { name: string; cell: Cell; inputs: StepShapes }[] => {
    let shapes = inputs;
    return entries.map(([name, cell]) => {
      const seen = shapes;
      shapes = [cell.output(seen)];
      return { name, cell, inputs: seen };
    });
  };
  const collect = <S>(
    inputs: StepShapes,
    get: (cell: Cell, inputs: StepShapes) => Tree<S>,
  ): { readonly [name: string]: Tree<S> } =>
    Object.fromEntries(below(inputs).map((part) => [part.name, get(part.cell, part.inputs)]));
  return Object.freeze({
    kind: "stack",
    options: options as { readonly [name: string]: Json },
    params: (inputs: StepShapes) => ({ cells: collect<ParamSpec>(inputs, (cell, shapes) => cell.params(shapes)) }),
    state: (inputs: StepShapes) => collect<StateSpec>(inputs, (cell, shapes) => cell.state(shapes)),
    output: (inputs: StepShapes) => {
      const top = below(inputs).at(-1) as { cell: Cell; inputs: StepShapes };
      return top.cell.output(top.inputs);
    },
    step: (call: CellCall) => stepAll(entries, call),
  });
}

function stepAll(entries: readonly (readonly [string, Cell])[], call: CellCall): CellResult {
  const { cells: params } = call.params as { cells: { [name: string]: Tree<Tensor> } };
  const before = call.state as { [name: string]: Tree<Tensor> };
  const state: { [name: string]: Tree<Tensor> } = {};
  let xs = call.xs;
  for (const [name, cell] of entries) {
    const part = { params: params[name], state: before[name], x: xs[0], xs, context: call.context };
    const result = withScope(name, () => stepCell(`cell "${name}" (${cell.kind})`, cell, part));
    state[name] = result.state;
    xs = [result.y];
  }
  return { y: xs[0], state };
}
