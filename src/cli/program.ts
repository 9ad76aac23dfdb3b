/**
 * The commands with their options and help texts. What a command does is in `commands/<name>.ts`, loaded only when it
 * is called, so that `--help` stays instant.
 */
import { Command, Option } from "commander";
import {
  type DemoOptions,
  extensionList,
  type GenerateOptions,
  type InspectOptions,
  numberIn,
  type RunOptions,
  type TrainOptions,
  wholeFrom,
} from "./options.ts";
import { lineWidth, type Terminal, wrapText } from "./terminal.ts";
import { skippedFolders, textExtensions } from "./text/read.ts";

/** The whole command line; errors of usage are thrown as CommanderError. */
export function buildProgram(terminal: Terminal, version: string): Command {
  const program = new Command("recurve")
    .description(
      "Recurrent networks from the command line: train on text, write text, look into models, run them on arrays.",
    )
    .version(version, "-v, --version", "print the version")
    .helpOption("-h, --help", "show this; every command has its own")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.out.write(text),
      writeErr: (text) => void terminal.err.write(text),
      getOutHelpWidth: () => lineWidth(terminal.out),
      getErrHelpWidth: () => lineWidth(terminal.err),
      getOutHasColors: () => terminal.colors.isColorSupported,
      getErrHasColors: () => terminal.colors.isColorSupported,
      outputError: () => {},
    })
    .configureHelp({
      styleTitle: (text) => terminal.colors.bold(text),
      styleOptionTerm: (text) => terminal.colors.cyan(text),
      styleSubcommandTerm: (text) => terminal.colors.cyan(text),
    })
    .addHelpText(
      "after",
      examples(
        "recurve demo",
        "recurve train notes/ --minutes 5 --out runs/notes.safetensors",
        `recurve generate runs/notes.safetensors --seed-text "Dear "`,
      ),
    );
  addTrain(program, terminal);
  addGenerate(program, terminal);
  addInspect(program, terminal);
  addRun(program, terminal);
  addDemo(program, terminal);
  return program;
}

function addTrain(program: Command, terminal: Terminal): void {
  const groups = {
    model: "What the model is:",
    training: "How it learns:",
    text: "What it reads:",
    files: "What it writes:",
  };
  program
    .command("train")
    .summary("learn to write text like yours")
    .description(
      "Trains a network to predict each next character of your text, with its state carried on from window to window, and writes one model file. The end of every file is held out to measure with; the result is compared with gzip, brotli and n-grams on that same text.",
    )
    .argument("[paths...]", "text files, and folders that are searched for them; not needed with --resume")
    .addOption(
      option(
        groups.model,
        "--units <n>",
        "width of the state: more remembers more and is slower, by the square",
        192,
      ).argParser(wholeFrom(1)),
    )
    .addOption(
      option(groups.model, "--layers <n>", "recurrent layers on top of one another; 1 or 2 is usual", 1).argParser(
        wholeFrom(1),
      ),
    )
    .addOption(
      option(
        groups.model,
        "--cell <kind>",
        "gru, lstm, rnn, or a module whose default export is ({ units }) => Cell, e.g. ./mgu.js",
        "gru",
      ),
    )
    .addOption(
      option(groups.model, "--embedding <n>", "numbers by which each character is represented", 48).argParser(
        wholeFrom(1),
      ),
    )
    .addOption(
      option(
        groups.model,
        "--dropout <rate>",
        "share of the top layer's outputs left out while learning; 0.1 to 0.3 helps on short texts",
        0,
      ).argParser(numberIn({ least: 0, below: 1 })),
    )
    .addOption(
      option(groups.training, "--minutes <n>", "stop after this time (5 when no bound is given)").argParser(
        numberIn({ above: 0 }),
      ),
    )
    .addOption(
      option(groups.training, "--epochs <n>", "stop after reading the text this many times").argParser(wholeFrom(1)),
    )
    .addOption(
      option(groups.training, "--steps <n>", "stop after this many updates of the weights").argParser(wholeFrom(1)),
    )
    .addOption(
      option(
        groups.training,
        "--seq <n>",
        "characters that gradients reach back; the state reaches further",
        64,
      ).argParser(wholeFrom(1)),
    )
    .addOption(
      option(
        groups.training,
        "--batch <n>",
        "places of the text that are read side by side: more is steadier, fewer update more often",
        16,
      ).argParser(wholeFrom(1)),
    )
    .addOption(
      option(groups.training, "--learning-rate <n>", "of Adam; lower it when the loss jumps", 0.005).argParser(
        numberIn({ above: 0 }),
      ),
    )
    .addOption(
      option(
        groups.training,
        "--seed <n>",
        "for the first weights and for dropout: same seed, same model",
        1,
      ).argParser(wholeFrom(0)),
    )
    .addOption(
      option(
        groups.text,
        "--extensions <list>",
        "files to take from folders, e.g. .ts,.md (default: those below)",
      ).argParser(extensionList),
    )
    .addOption(
      option(
        groups.text,
        "--held-out <share>",
        "share of each file, from its end, that is measured with and not learned from",
        0.1,
      ).argParser(numberIn({ above: 0, most: 0.5 })),
    )
    .addOption(
      option(groups.text, "--min-count <n>", "characters that occur less often become one unknown symbol", 3).argParser(
        wholeFrom(1),
      ),
    )
    .addOption(option(groups.files, "--out <file>", "the model file", "runs/model.safetensors"))
    .addOption(
      option(
        groups.files,
        "--checkpoint-every <seconds>",
        "how often everything needed to go on is written beside it; 0 for the end only",
        30,
      ).argParser(numberIn({ least: 0 })),
    )
    .addOption(
      option(
        groups.files,
        "--resume <checkpoint>",
        "go on where a checkpoint stopped, with its text and options; --minutes, --epochs, --steps, --out may be given anew",
      ),
    )
    .addOption(option("How it talks:", "--quiet", "only the result"))
    .addOption(option("How it talks:", "--json", "one JSON object per line, for machines"))
    .addHelpText(
      "after",
      `
Stopping: Ctrl-C saves a checkpoint and prints the command that goes on from it;
a second Ctrl-C quits at once. After a crash, --resume goes on from the last
checkpoint, and a training bounded by --epochs or --steps ends with the very
weights that it would have had.

Folders: files ending in
${wrapText(textExtensions.join(" "), 80, "  ")}
are read; hidden files, files that are not UTF-8, and these folders are not:
${wrapText(skippedFolders.join(" "), 80, "  ")}
${examples(
  "recurve train book.txt",
  "recurve train src docs --extensions .ts,.md --minutes 10 --units 256",
  "recurve train book.txt --cell lstm --layers 2 --dropout 0.2 --epochs 20",
  "recurve train --resume runs/model.checkpoint",
)}`,
    )
    .action(async (paths: string[], options: TrainOptions, command: Command) => {
      const given = Object.keys(options).filter((name) => command.getOptionValueSource(name) === "cli");
      await (await import("./commands/train.ts")).train(paths, options, given, terminal);
    });
}

function addGenerate(program: Command, terminal: Terminal): void {
  program
    .command("generate")
    .summary("write text with a trained model")
    .description("Writes text, one character at a time, each drawn from what the model expects next.")
    .argument("<model>", "a model file written by recurve train")
    .addOption(
      option(
        "Options:",
        "--seed-text <text>",
        "what the model reads first; it goes on from there (default: a line's start)",
      ),
    )
    .addOption(option("Options:", "--length <n>", "characters to write", 500).argParser(wholeFrom(1)))
    .addOption(
      option(
        "Options:",
        "--temperature <n>",
        "0 always takes the likeliest character, 1 is as varied as the text it learned from, more is wilder",
        0.7,
      ).argParser(numberIn({ least: 0 })),
    )
    .addOption(option("Options:", "--top-k <n>", "draw from the n likeliest characters only").argParser(wholeFrom(1)))
    .addOption(
      option(
        "Options:",
        "--top-p <share>",
        "draw from the likeliest characters that reach this probability together",
      ).argParser(numberIn({ above: 0, most: 1 })),
    )
    .addOption(
      option("Options:", "--seed <n>", "same seed, same text (default: another text each time)").argParser(
        wholeFrom(0),
      ),
    )
    .addOption(cellOption())
    .addOption(option("Options:", "--json", "one JSON object, for machines"))
    .addHelpText(
      "after",
      examples(
        `recurve generate runs/model.safetensors --seed-text "export function "`,
        "recurve generate runs/model.safetensors --temperature 0.4 --length 2000",
      ),
    )
    .action(async (model: string, options: GenerateOptions) =>
      (await import("./commands/generate.ts")).generate(model, options, terminal),
    );
}

function addInspect(program: Command, terminal: Terminal): void {
  program
    .command("inspect")
    .summary("show what is inside of a model file")
    .description(
      "Shows a model as a tree: layers with their shapes, weights with their parameters per gate, and the state that it carries. Takes checkpoints and other safetensors files too.",
    )
    .argument("<model>", "a model file")
    .addOption(cellOption())
    .addOption(option("Options:", "--json", "one JSON object, for machines"))
    .addHelpText("after", examples("recurve inspect runs/model.safetensors"))
    .action(async (model: string, options: InspectOptions) =>
      (await import("./commands/inspect.ts")).inspect(model, options, terminal),
    );
}

function addRun(program: Command, terminal: Terminal): void {
  program
    .command("run")
    .summary("run a model on arrays of NumPy")
    .description(
      "Reads the model's inputs from an .npz file, by the names of the inputs or as input_0, input_1, ... in order, runs the model on them, and writes its outputs as output_0, ... and its final state as state.<name> to another. float32 and int32; batch and length are free.",
    )
    .argument("<model>", "a model file")
    .addOption(option("Options:", "--inputs <file>", "the .npz to read").makeOptionMandatory())
    .addOption(option("Options:", "--outputs <file>", "the .npz to write").makeOptionMandatory())
    .addOption(
      option(
        "Options:",
        "--state-in <file>",
        "an .npz with state.<name> arrays to start from, such as an earlier --state-out or --outputs (default: zeros)",
      ),
    )
    .addOption(option("Options:", "--state-out <file>", "write the final state to a file of its own as well"))
    .addOption(cellOption())
    .addOption(option("Options:", "--json", "one JSON object, for machines"))
    .addHelpText(
      "after",
      examples(
        `python3 -c "from numpy import *; savez('a', input_0=zeros((1, 9), 'i4'))"`,
        "recurve run m.safetensors --inputs a.npz --outputs b.npz",
        "recurve run m.safetensors --inputs c.npz --outputs d.npz --state-in b.npz",
      ),
    )
    .action(async (model: string, options: RunOptions) =>
      (await import("./commands/run.ts")).run(model, options, terminal),
    );
}

function addDemo(program: Command, terminal: Terminal): void {
  program
    .command("demo")
    .summary("watch a network learn Recurve's own source in about a minute")
    .description(
      "Trains a character-level GRU on the TypeScript and Markdown of Recurve itself, shows how it gets better, compares it with compressors and n-grams on held-out text, and lets it write.",
    )
    .addOption(option("Options:", "--minutes <n>", "how long to train", 1).argParser(numberIn({ above: 0 })))
    .addOption(option("Options:", "--out <file>", "the model file", "runs/demo.safetensors"))
    .addOption(option("Options:", "--seed <n>", "for the first weights and the samples", 1).argParser(wholeFrom(0)))
    .addOption(option("Options:", "--json", "one JSON object per line, for machines"))
    .action(async (options: DemoOptions) => (await import("./commands/demo.ts")).demo(options, terminal));
}

function cellOption(): Option {
  return option("Options:", "--cell <module>", "where to find the model's own cell, if its module has moved");
}

function option(group: string, flags: string, description: string, fallback?: unknown): Option {
  const made = new Option(flags, description).helpGroup(group);
  return fallback === undefined ? made : made.default(fallback);
}

function examples(...commands: readonly string[]): string {
  return `\nExamples:\n${commands.map((command) => `  $ ${command}`).join("\n")}`;
}
