/** Tells of a training in JSON, one object a line, for machines. Numbers are unrounded; progress comes once a second. */
import type { TextStream } from "../terminal.ts";
import type { Watcher } from "./watcher.ts";

/** A watcher that writes events: start, progress, measured, checkpoint, interrupted, result. */
export function jsonWatcher(out: TextStream): Watcher {
  const write = (event: string, facts: object): void => void out.write(`${JSON.stringify({ event, ...facts })}\n`);
  let last = Number.NEGATIVE_INFINITY;
  return {
    start: ({ corpus, ...rest }) => {
      const { files, skipped, trainingSymbols, heldOutSymbols, vocabulary } = corpus;
      write("start", {
        files: files.length,
        skipped: skipped.length,
        characters: trainingSymbols.length,
        heldOut: heldOutSymbols.length,
        symbols: vocabulary.size,
        ...rest,
      });
    },
    progress: (progress) => {
      if (performance.now() - last < 1000 && progress.share < 1) return;
      last = performance.now();
      write("progress", progress);
    },
    measured: (measurement) => write("measured", measurement),
    checkpoint: (checkpoint) => write("checkpoint", checkpoint),
    interrupted: (interruption) => write("interrupted", interruption),
    result: (result) => write("result", result),
  };
}
