/** Runs a command line inside of the test, with its output collected. */
import pc from "picocolors";
import { runCli } from "../../src/cli/runCli.ts";
import type { Terminal } from "../../src/cli/terminal.ts";

export interface Captured {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Exit code and texts of `recurve <args>`, without colours, in 80 columns. */
export function recurve(...args: readonly string[]): Promise<Captured> {
  return run(args, undefined);
}

/** The same with a Ctrl-C at the moment when `text` is first written. */
export function interruptedAt(text: string, ...args: readonly string[]): Promise<Captured> {
  return run(args, text);
}

async function run(args: readonly string[], interruptAt: string | undefined): Promise<Captured> {
  let [out, err] = ["", ""];
  let listener = (): void => {};
  let interrupted = false;
  const write = (text: string): void => {
    out += text;
    if (interrupted || interruptAt === undefined || !text.includes(interruptAt)) return;
    interrupted = true;
    listener();
  };
  const terminal: Terminal = {
    out: { write, columns: 80 },
    err: { write: (text) => (err += text), columns: 80 },
    colors: pc.createColors(false),
    onInterrupt: (given) => {
      listener = given;
      return () => {};
    },
    quit: (code) => {
      throw new Error(`quit with ${code}`);
    },
    program: "recurve",
  };
  const code = await runCli(args, terminal, "1.2.3");
  return { code, out, err };
}

/** Text in which a small network has something to learn. */
export const sampleText = "the state is a value.\nthe value has a name, and the name has a state.\n".repeat(60);

/** Options that make a training of a second. */
export const tinyModel = ["--units", "6", "--embedding", "4", "--seq", "8", "--batch", "4"] as const;
