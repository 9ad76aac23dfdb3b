/** Files that Recurve has written, read back as graphs like any other program's. */
import { expect, test } from "vitest";
import { UnsupportedError } from "../../../src/base/errors.ts";
import { decodeOnnx } from "../../../src/io/onnx/decode.ts";
import type { Tensor } from "../../../src/trace/index.ts";
import { expectClose } from "../closeness.ts";
import { cases } from "./export/cases.ts";
import { write } from "./export/written.ts";

// They have loops whose number of steps is computed from a mask, or update rows in place. Their models are read from what
// the file says of them: see `readExportedModel`.
const refused = new Set([
  "sentiment",
  "lstm-mask",
  "lstm-mask-backwards",
  "bidirectional-mask",
  "own-cell-lengths",
  "own-cell-backwards-mask",
  "loops-in-a-cell",
  "moving-cell",
  "lstm-nothing-counts",
  "embedding-mask-zero",
  "masking",
]);

test.each(cases.map((one) => [one.name, one] as const))("%s computes the same as the model", (_, one) => {
  const { name, bytes, arrays } = write(one);
  if (refused.has(name)) {
    expect(() => run(bytes, name, arrays)).toThrow(UnsupportedError);
    return;
  }
  const [model, results] = run(bytes, name, arrays);
  for (const { name: output } of model.outputs) {
    const wanted = arrays[`out.${output}`];
    expect(results[output].shape).toEqual(wanted.shape);
    expectClose(results[output].data(), wanted.data(), output);
  }
});

function run(bytes: Uint8Array, name: string, arrays: Readonly<Record<string, Tensor>>) {
  const model = decodeOnnx(bytes, name);
  const inputs = Object.fromEntries(model.inputs.map((input) => [input.name, arrays[`in.${input.name}`]]));
  return [model, model.run(inputs)] as const;
}
