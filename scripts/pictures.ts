/** The pictures of docs/state.md and docs/formats.md as SVG text, by file name. `npm run golden` writes them to docs/pictures. */
import { batchAndTime, gatesByName, kernelBlocks, oneProduct, units } from "./pictures/axes.ts";
import { anyBatch, anyLength, beginnings, handOff, recordingAsLanes, rowToRow, twoCalls } from "./pictures/flow.ts";
import { gateOrders } from "./pictures/gates.ts";
import { dropoutSharing, everyState, rowsOfDifferentLength } from "./pictures/steps.ts";

const drawings: Readonly<Record<string, () => string>> = {
  "any-batch": anyBatch,
  "any-length": anyLength,
  "batch-and-time": batchAndTime,
  beginnings,
  "dropout-sharing": dropoutSharing,
  "every-state": everyState,
  "gate-orders": gateOrders,
  "gates-by-name": gatesByName,
  "hand-off": handOff,
  "kernel-blocks": kernelBlocks,
  lanes: recordingAsLanes,
  lengths: rowsOfDifferentLength,
  "one-product": oneProduct,
  "row-to-row": rowToRow,
  "two-calls": twoCalls,
  units,
};

/** All pictures: file name without `.svg`, and text. */
export function pictures(): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(drawings).map(([name, draw]) => [name, draw()]));
}
