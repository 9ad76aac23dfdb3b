/** Rolled, never unrolled: the emitted code and the number of programs do not depend on the length of sequences. */
import { expect, test } from "vitest";
import { compile, createTrainer, dense, lstm, sequential, spec, type Tensor } from "../../src/index.ts";
import { context } from "../../src/nn/index.ts";
import { random } from "./data.ts";
import { oneProgram, watchModules } from "./modules.ts";

const lengths = [10, 100, 10_000];
const network = () => sequential([lstm({ units: 4 }), dense({ units: 1 })], { input: { shape: [null, 2] }, seed: 1 });

test("one module serves an LSTM's run at every length", () => {
  const model = network();
  const { modules } = watchModules(() => {
    for (const t of lengths) expect(model.run(random([1, t, 2])).outputs.shape).toEqual([1, 1]);
  });
  expect(model.programs).toBe(1);
  expect(modules.length).toBe(oneProgram);
});

test("one module serves an LSTM's training step at every length", () => {
  const trainer = createTrainer(network(), { loss: "meanSquaredError" });
  const y = random([2, 1]);
  const { modules } = watchModules(() => {
    for (const t of lengths) expect(Number.isFinite(trainer.step({ x: random([2, t, 2]), y }).loss)).toBe(true);
  });
  expect(modules.length).toBe(oneProgram);
});

// From some thousand steps on the work is worth dividing over threads, so the lengths lie beyond that.
const fixed = [10_000, 30_000, 100_000];

// Measured on one thread: 3686, 3785 and 3790 bytes. A size that is written into the code takes one to five bytes (LEB128) each time,
// and a loop in blocks has a remainder only where the size leaves one. 10 000 unrolled steps would be megabytes.
const allowed = 0.05;

test("code compiled for one fixed length is as long as for any other, up to literals and remainders", () => {
  const model = network();
  const bytes = fixed.map((t) => {
    const forward = compile(
      (x: Tensor) => model.forward({ params: model.params(), inputs: [x], context: context() }).outputs,
      { inputs: [spec([2, t, 2])] },
    );
    const { bytes, source } = forward.inspect(random([2, t, 2]));
    return (bytes ?? source)?.length as number;
  });
  expect(Math.max(...bytes) - Math.min(...bytes)).toBeLessThan(allowed * Math.min(...bytes));
});
