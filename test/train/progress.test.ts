/** The lines of progress, letter by letter, and when they are written. */
import { expect, test } from "vitest";
import { batches, fit } from "../../src/train/index.ts";
import {
  formatDuration,
  formatNumber,
  type ProgressState,
  progressLine,
  progressReporter,
} from "../../src/train/progress.ts";
import { meansTask, rowModel } from "./models.ts";

const state: ProgressState = {
  epoch: 2,
  epochs: 10,
  done: 30,
  total: 100,
  elapsed: 369,
  values: { loss: 1.23456, accuracy: 0.5 },
};

test("a line shows epoch, bar, steps, means, time for a step and for the rest", () => {
  expect(progressLine(state)).toBe(
    "epoch 2/10  [======>.............]   30/100  loss 1.2346  accuracy 0.5000  12.3 ms/step  ETA 0:01",
  );
  expect(
    progressLine({ ...state, epochs: undefined, done: 100, finished: true, values: { loss: 0.00001, valLoss: 2e7 } }),
  ).toBe("epoch 2  [====================]  100/100  loss 1.00e-5  valLoss 2.00e+7  3.69 ms/step  0:00");
});

test("a line is cut to the columns of the terminal", () => {
  expect(progressLine(state, 30)).toBe("epoch 2/10  [======>.........…");
});

test("after a resume the time for a step is that of this run's steps", () => {
  expect(progressLine({ ...state, timed: 3 })).toContain("123 ms/step  ETA 0:09");
});

test("durations and numbers are short", () => {
  expect([0, 59_499, 60_000, 3_723_000].map(formatDuration)).toEqual(["0:00", "0:59", "1:00", "1:02:03"]);
  expect([0, 1.5, 1234.56, -0.0002, Number.NaN].map(formatNumber)).toEqual([
    "0.0000",
    "1.5000",
    "1234.6",
    "-2.00e-4",
    "NaN",
  ]);
});

test("on a terminal the line is redrawn at most every 100 ms, and ends with the epoch", () => {
  let time = 0;
  let written = "";
  const reporter = progressReporter({ write: (text) => (written += text), columns: 60, isTTY: true }, () => time);
  const moments: number[] = [];
  for (let done = 1; done <= 10; done++, time += 30) {
    if (!reporter.due(done, 10)) continue;
    moments.push(time);
    reporter.report({ ...state, done, total: 10 });
  }
  expect(moments).toEqual([0, 120, 240]);
  reporter.close();
  expect(written.endsWith("\u001b[K\n")).toBe(true);
  reporter.report({ ...state, finished: true });
  expect(written.split("\r").length).toBe(5);
  expect(written.endsWith("\u001b[K\n")).toBe(true);
});

test("elsewhere plain lines come for tenths of an epoch, not more often than every 5 seconds", () => {
  let time = 0;
  const lines: string[] = [];
  const reporter = progressReporter({ write: (text) => lines.push(text) }, () => time);
  const moments: number[] = [];
  for (let done = 1; done <= 100; done++, time += 200) {
    if (!reporter.due(done, 100)) continue;
    moments.push(done);
    reporter.report({ ...state, done });
  }
  expect(moments).toEqual([26, 51, 76]);
  expect(lines.every((line) => line.endsWith("\n") && !line.includes("\r"))).toBe(true);
});

test("fit writes one line for each short epoch, with validation", async () => {
  const { x, y } = meansTask(41, 6);
  const data = batches(x, y, { batchSize: 4 });
  const lines: string[] = [];
  await fit(rowModel(), data, {
    loss: "meanSquaredError",
    epochs: 2,
    validationData: data,
    progress: { write: (text) => lines.push(text) },
  });
  const fixed = lines.map((line) =>
    line
      .replace(/[\d.]+ m?s\/step/, "N ms/step")
      .replace(/oss \d\.\d{4}/g, "oss N")
      .replace(/\d:\d\d\n/, "0:00\n"),
  );
  expect(fixed).toEqual(
    ["epoch 1/2", "epoch 2/2"].map(
      (epoch) => `${epoch}  [====================]  2/2  loss N  valLoss N  N ms/step  0:00\n`,
    ),
  );
});
