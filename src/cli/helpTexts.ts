/**
 * What each command says of itself: summary, description, options with their defaults, examples. Data only; the
 * commander objects are made of it in `program.ts`.
 */
import { writtenFormats } from "../io/names.ts";
import { extensionList, jsonObject, numberIn, wholeFrom } from "./options.ts";
import { wrapText } from "./terminal.ts";
import { skippedFolders, textExtensions } from "./text/read.ts";

/** Flags, description, a parser of the value, and the default. */
export type OptionRow = readonly [flags: string, says: string, parse?: (text: string) => unknown, fallback?: unknown];

export interface CommandText {
  readonly summary: string;
  readonly description: string;
  /** The arguments, and what each is. */
  readonly arguments?: readonly (readonly [string, string])[];
  /** By the titles under which they are listed. */
  readonly options: Readonly<Record<string, readonly OptionRow[]>>;
  readonly required?: readonly string[];
  readonly notes?: string;
  readonly examples: readonly string[];
}

const positive = numberIn({ above: 0 });
const cell: OptionRow = ["--cell <module>", "where to find the model's own cell, if its module has moved"];
const json: OptionRow = ["--json", "one JSON object, for machines"];
const jsonLines: OptionRow = ["--json", "one JSON object per line, for machines"];

const train: CommandText = {
  summary: "learn to write text like yours",
  description:
    "Trains a network to predict each next character of your text, with its state carried on from window to window, and writes one model file. The end of every file is held out to measure with; the result is compared with gzip, brotli and n-grams on that same text.",
  arguments: [["[paths...]", "text files, and folders that are searched for them; not needed with --resume"]],
  options: {
    "What the model is:": [
      ["--units <n>", "width of the state: more remembers more and is slower, by the square", wholeFrom(1), 192],
      ["--layers <n>", "recurrent layers on top of one another; 1 or 2 is usual", wholeFrom(1), 1],
      ["--cell <kind>", "gru, lstm, rnn, or a module that exports ({ units }) => Cell, e.g. ./mgu.js", String, "gru"],
      ["--embedding <n>", "numbers by which each character is represented", wholeFrom(1), 48],
      ["--dropout <rate>", "share of the top layer left out while learning", numberIn({ least: 0, below: 1 }), 0],
    ],
    "How it learns:": [
      ["--minutes <n>", "stop after this time (5 when no bound is given)", positive],
      ["--epochs <n>", "stop after reading the text this many times", wholeFrom(1)],
      ["--steps <n>", "stop after this many updates of the weights", wholeFrom(1)],
      ["--seq <n>", "characters that gradients reach back; the state reaches further", wholeFrom(1), 32],
      ["--batch <n>", "places of the text read side by side; fewer give more updates", wholeFrom(1), 16],
      ["--learning-rate <n>", "of Adam, at its height; lower it when the loss jumps", positive, 0.005],
      ["--seed <n>", "for the first weights and for dropout: same seed, same model", wholeFrom(0), 1],
    ],
    "What it reads:": [
      ["--extensions <list>", "files to take from folders, e.g. .ts,.md (default: those below)", extensionList],
      ["--held-out <share>", "of each file, its end: measured, not learned", numberIn({ above: 0, most: 0.5 }), 0.1],
      ["--min-count <n>", "characters that occur less often become one unknown symbol", wholeFrom(1), 3],
    ],
    "What it writes:": [
      ["--out <file>", "the model file", String, "runs/model.safetensors"],
      ["--checkpoint-every <seconds>", "how often it is saved meanwhile; 0 for never", numberIn({ least: 0 }), 30],
      ["--resume <checkpoint>", "go on from a checkpoint; bounds and --out may be given anew"],
    ],
    "How it talks:": [["--quiet", "only the result"], jsonLines],
  },
  notes: `
Stopping: Ctrl-C saves a checkpoint and prints the command that goes on from it;
a second Ctrl-C quits at once. After a crash, --resume goes on from the last
checkpoint, and a training bounded by --epochs or --steps ends with the very
weights that it would have had. The checkpoint lies beside the model file.

Folders: files ending in
${wrapText(textExtensions.join(" "), 80, "  ")}
are read; hidden files, files that are not UTF-8, and these folders are not:
${wrapText(skippedFolders.join(" "), 80, "  ")}
`,
  examples: [
    "recurve train book.txt",
    "recurve train src docs --extensions .ts,.md --minutes 10 --units 256",
    "recurve train book.txt --cell lstm --layers 2 --dropout 0.2 --epochs 20",
    "recurve train --resume runs/model.checkpoint",
  ],
};

const generate: CommandText = {
  summary: "write text with a trained model",
  description: "Writes text, one character at a time, each drawn from what the model expects next.",
  arguments: [["<model>", "a model file written by recurve train"]],
  options: {
    "Options:": [
      ["--seed-text <text>", "what the model reads first; it goes on from there (default: a line's start)"],
      ["--length <n>", "characters to write", wholeFrom(1), 500],
      [
        "--temperature <n>",
        "0 takes the likeliest, 1 is as varied as the text, more is wilder",
        numberIn({ least: 0 }),
        0.7,
      ],
      ["--top-k <n>", "draw from the n likeliest characters only", wholeFrom(1)],
      [
        "--top-p <share>",
        "draw from the likeliest that reach this probability together",
        numberIn({ above: 0, most: 1 }),
      ],
      ["--seed <n>", "same seed, same text (default: another text each time)", wholeFrom(0)],
      cell,
      json,
    ],
  },
  examples: [
    `recurve generate runs/model.safetensors --seed-text "export function "`,
    "recurve generate runs/model.safetensors --temperature 0.4 --length 2000",
  ],
};

const inspect: CommandText = {
  summary: "show what is inside of a model file",
  description:
    "Shows a model as a tree: layers with their shapes, weights with their parameters per gate, and the state that it carries. Takes files of Keras, PyTorch, ONNX, TensorFlow and NumPy too, also those that Recurve can not run: then it says what is missing.",
  arguments: [["<file>", "a model file of any format, a checkpoint, or a file of arrays"]],
  options: { "Options:": [cell, json] },
  examples: [
    "recurve inspect runs/model.safetensors",
    "recurve inspect classifier.keras",
    "recurve inspect speech.onnx",
  ],
};

const convert: CommandText = {
  summary: "write a model in the format of another program",
  description:
    "Reads a model of any format and writes it in the one that the name of the new file says: .safetensors (Recurve), .keras, .h5, .weights.h5 (Keras), .pt (PyTorch state_dict), .onnx, .npz (weights by path). What the other program can not compute is refused; nothing is written then.",
  arguments: [
    ["<in>", "a model file of any format"],
    ["<out>", "the file to write"],
  ],
  options: {
    "Options:": [
      [
        "--to <format>",
        `the format, where the name of the file does not say it: ${Object.keys(writtenFormats).join(", ")}`,
      ],
      ["--like <model>", "a model with the layers of the weights in <in>, which names alone do not tell"],
      [
        "--assume <json>",
        'what the notes on a state_dict or checkpoint say was assumed: \'{ "output": "last" }\'',
        jsonObject,
      ],
      ["--no-state", "onnx: no inputs and outputs for the recurrent state; sequences start anew"],
      cell,
      json,
    ],
  },
  examples: [
    "recurve convert classifier.keras classifier.onnx",
    "recurve convert state_dict.pt model.safetensors",
    "recurve convert weights.pt model.keras --like model.safetensors",
    `recurve convert weights.pt model.onnx --assume '{ "output": "last" }'`,
  ],
};

const diff: CommandText = {
  summary: "compare two models, layer by layer and step by step",
  description:
    "Runs two models on the same inputs and shows for every layer how far they are apart, where, and from which step on. The second may be an .npz with the outputs of another program. Ends with exit code 1 where a difference is above the tolerance.",
  arguments: [
    ["<a>", "a model file of any format"],
    ["<b>", "another one, or an .npz of outputs by name"],
  ],
  options: {
    "Options:": [
      ["--inputs <file>", "the .npz to read, as for recurve run (default: random numbers, 2 rows of 8 steps)"],
      ["--tolerance <n>", "largest absolute difference that counts as equal", numberIn({ least: 0 }), 1e-5],
      cell,
      json,
    ],
  },
  examples: ["recurve diff old.keras new.onnx", "recurve diff old.keras outputs.npz --inputs batch.npz"],
};

const run: CommandText = {
  summary: "run a model on arrays of NumPy",
  description:
    "Reads the model's inputs from an .npz file, by the names of the inputs or as input_0, input_1, ... in order, runs the model on them, and writes its outputs as output_0, ... and its final state as state.<name> to another. A graph of ONNX has its own names for all of them. float32 and int32; batch and length are free.",
  arguments: [["<model>", "a model file of any format"]],
  options: {
    "Options:": [
      ["--inputs <file>", "the .npz to read"],
      ["--outputs <file>", "the .npz to write"],
      ["--state-in <file>", "an .npz with state.<name> arrays, such as an earlier output (default: zeros)"],
      ["--state-out <file>", "write the final state to a file of its own as well"],
      cell,
      json,
    ],
  },
  required: ["inputs", "outputs"],
  examples: [
    `python3 -c "from numpy import *; savez('a', input_0=zeros((1, 9), 'i4'))"`,
    "recurve run m.safetensors --inputs a.npz --outputs b.npz",
    "recurve run m.safetensors --inputs c.npz --outputs d.npz --state-in b.npz",
  ],
};

const demo: CommandText = {
  summary: "watch a network learn Recurve's own source in about a minute",
  description:
    "Trains a character-level GRU on the TypeScript and Markdown of Recurve itself, shows how it gets better, compares it with compressors and n-grams on held-out text, and lets it write.",
  options: {
    "Options:": [
      ["--minutes <n>", "how long to train", positive, 1],
      ["--out <file>", "the model file", String, "runs/demo.safetensors"],
      ["--seed <n>", "for the first weights and the samples", wholeFrom(0), 1],
      jsonLines,
    ],
  },
  examples: ["recurve demo", "recurve demo --minutes 5"],
};

/** The commands in the order in which help lists them. */
export const commandTexts = { train, generate, inspect, run, convert, diff, demo } as const;
