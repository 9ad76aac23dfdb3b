/** `recurve generate`: writes text with a trained model, character by character as it is drawn. */
import { randomInt } from "node:crypto";
import { FormatError } from "../../base/errors.ts";
import { openModel } from "../openModel.ts";
import type { GenerateOptions } from "../options.ts";
import { checkSampling } from "../sample.ts";
import type { Terminal } from "../terminal.ts";
import { encodeText } from "../text/vocabulary.ts";
import { writeText } from "../text/writer.ts";

export async function generate(path: string, options: GenerateOptions, terminal: Terminal): Promise<void> {
  const { seedText = "", length, temperature, topK, topP, json } = options;
  checkSampling({ temperature, topK, topP });
  const { model, vocabulary } = await openModel(path, options.cell);
  if (vocabulary === undefined) {
    throw new FormatError(
      `${path}: expected a model of text with its vocabulary, got a model without. Train one with recurve train, or run this one on arrays with recurve run.`,
      {
        path,
      },
    );
  }
  const seed = options.seed ?? randomInt(2 ** 31);
  const { unknown } = encodeText(vocabulary, seedText);
  if (unknown > 0)
    terminal.err.write(
      `note  ${unknown} of the characters of --seed-text were not in the text that the model learned from.\n`,
    );
  // A line's start is the one place that every text has.
  const writing = writeText(model, vocabulary, {
    seedText: seedText === "" ? "\n" : seedText,
    length,
    temperature,
    topK,
    topP,
    seed,
  });
  if (json === true) {
    const text = [...writing].join("");
    terminal.out.write(`${JSON.stringify({ text, seedText, seed, length, temperature, topK, topP })}\n`);
    return;
  }
  await show(writing, seedText, terminal);
}

/** Lets the terminal breathe between pieces, so that text appears as it is written and Ctrl-C is heard. */
async function show(writing: Iterable<string>, seedText: string, { out, colors }: Terminal): Promise<void> {
  out.write(colors.bold(seedText));
  let piece = "";
  let last = performance.now();
  for (const character of writing) {
    piece += character;
    if (performance.now() - last < 16) continue;
    out.write(piece);
    piece = "";
    await new Promise((resolve) => setImmediate(resolve));
    last = performance.now();
  }
  out.write(`${piece}\n`);
}
