/**
 * The commands with their options and help texts. What a command does is in `commands/<name>.ts`, loaded only when it
 * is called, so that `--help` stays instant.
 */
import { Command, Option } from "commander";
import { type CommandText, commandTexts } from "./helpTexts.ts";
import type {
  ConvertOptions,
  DemoOptions,
  DiffOptions,
  GenerateOptions,
  InspectOptions,
  RunOptions,
  TrainOptions,
} from "./options.ts";
import { lineWidth, type Terminal } from "./terminal.ts";

/** The whole command line; errors of usage are thrown as CommanderError. */
export function buildProgram(terminal: Terminal, version: string): Command {
  const program = new Command("recurve")
    .description(
      "Recurrent networks from the command line: train on text, write text, look into models of any format, run, convert and compare them.",
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
  const { train, generate, inspect, run, convert, diff, demo } = commandTexts;
  add(program, "train", train).action(async (paths: string[], options: TrainOptions, command: Command) => {
    const given = Object.keys(options).filter((name) => command.getOptionValueSource(name) === "cli");
    await (await import("./commands/train.ts")).train(paths, options, given, terminal);
  });
  add(program, "generate", generate).action(async (model: string, options: GenerateOptions) =>
    (await import("./commands/generate.ts")).generate(model, options, terminal),
  );
  add(program, "inspect", inspect).action(async (model: string, options: InspectOptions) =>
    (await import("./commands/inspect.ts")).inspect(model, options, terminal),
  );
  add(program, "run", run).action(async (model: string, options: RunOptions) =>
    (await import("./commands/run.ts")).run(model, options, terminal),
  );
  add(program, "convert", convert).action(async (from: string, to: string, options: ConvertOptions) =>
    (await import("./commands/convert.ts")).convert(from, to, options, terminal),
  );
  add(program, "diff", diff).action(async (a: string, b: string, options: DiffOptions) =>
    (await import("./commands/diff.ts")).diff(a, b, options, terminal),
  );
  add(program, "demo", demo).action(async (options: DemoOptions) =>
    (await import("./commands/demo.ts")).demo(options, terminal),
  );
  return program;
}

function add(program: Command, name: string, text: CommandText): Command {
  const command = program.command(name).summary(text.summary).description(text.description);
  for (const argument of text.arguments ?? []) command.argument(...argument);
  for (const [title, rows] of Object.entries(text.options)) {
    for (const [flags, says, parse, fallback] of rows) {
      const option = new Option(flags, says).helpGroup(title).default(fallback);
      if (parse !== undefined) option.argParser(parse);
      command.addOption(option.makeOptionMandatory(text.required?.includes(option.attributeName()) ?? false));
    }
  }
  return command.addHelpText("after", `${text.notes ?? ""}${examples(...text.examples)}`);
}

function examples(...commands: readonly string[]): string {
  return `\nExamples:\n${commands.map((command) => `  $ ${command}`).join("\n")}`;
}
