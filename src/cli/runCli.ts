/**
 * Runs one command line and turns every way to end into an exit code: 0 done, 1 a known error (a sentence), 2 wrong
 * usage (a sentence and where to read on), 130 interrupted. Anything else is our own bug and keeps its stack.
 */
import { CommanderError } from "commander";
import { CliError, RecurveError } from "../base/errors.ts";
import { Interrupted } from "./interrupted.ts";
import { buildProgram } from "./program.ts";
import type { Terminal } from "./terminal.ts";

/** The exit code for the arguments after the program's name. */
export async function runCli(args: readonly string[], terminal: Terminal, version: string): Promise<number> {
  const program = buildProgram(terminal, version);
  try {
    if (args.length === 0) program.help({ error: true });
    await program.parseAsync([...args], { from: "user" });
    return 0;
  } catch (error) {
    const known = program.commands.some((command) => command.name() === args[0]);
    return report(error, known ? `recurve ${args[0]}` : "recurve", terminal);
  }
}

function report(error: unknown, command: string, { err, colors }: Terminal): number {
  if (error instanceof Interrupted) return 130;
  if (error instanceof CommanderError) {
    // Help and version end this way too, and have already been written.
    if (error.exitCode === 0) return 0;
    if (!error.code.startsWith("commander.help")) err.write(usage(sentenceOf(error), command, colors));
    return 2;
  }
  if (error instanceof CliError) {
    err.write(usage(error.message, command, colors));
    return 2;
  }
  if (error instanceof RecurveError) {
    err.write(`${colors.red("error")}  ${error.message}\n`);
    return 1;
  }
  err.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  err.write("This is a bug in Recurve, please report it with the lines above.\n");
  return 70;
}

function usage(sentence: string, command: string, colors: Terminal["colors"]): string {
  return `${colors.red("error")}  ${sentence}\n${colors.dim(`       ${command} --help explains every option.`)}\n`;
}

/** `error: unknown option '--unit'\n(Did you mean --units?)` -> `unknown option '--unit'. Did you mean --units?` */
function sentenceOf(error: CommanderError): string {
  const [first, ...rest] = error.message.replace(/^error: /, "").split("\n");
  const sentence = first.endsWith(".") || first.endsWith("?") ? first : `${first}.`;
  return [sentence, ...rest.map((line) => line.replace(/^\((.*)\)$/, "$1"))].join(" ").trim();
}
