/** Crafted files of TensorFlow Lite are refused in a sentence; damaged ones give an answer or a sentence. */
import { expect, test } from "vitest";
import { RecurveError } from "../../../src/base/errors.ts";
import { decodeTflite } from "../../../src/io/tflite/decode.ts";
import { damaged } from "../damaged.ts";
import { hostile, model, read, seeds } from "../hostile/tflite.ts";

test("the file that the crafted ones are changed from is good", () => {
  expect(decodeTflite(model()).model.layers.map(({ kind }) => kind)).toEqual(["activation"]);
});

test.each(hostile.map(({ name, bytes }) => [name, bytes] as const))("%s is refused", (_, bytes) => {
  expect(() => read(bytes)).toThrow(RecurveError);
});

test.each(seeds.map(({ name, bytes }) => [name, bytes] as const))(
  "%s, damaged 100 times, gives an answer or a RecurveError",
  (_, bytes) => {
    for (const one of damaged(bytes, 100)) {
      try {
        read(one);
      } catch (error) {
        if (!(error instanceof RecurveError)) throw error;
        expect(error.message.length).toBeLessThan(900);
      }
    }
  },
);
