/**
 * What commands know of the world around them: two streams, colours, and interruption. Given as a value, so that
 * tests can run a command without a process. Nothing here decides what is written.
 */
import { relative } from "node:path";
import { stripVTControlCharacters } from "node:util";
import pc from "picocolors";

/** A stream of text; `process.stdout` fits. */
export interface TextStream {
  write(text: string): unknown;
  readonly columns?: number;
  readonly isTTY?: boolean;
}

export type Colors = ReturnType<typeof pc.createColors>;

export interface Terminal {
  /** Results, and what a person watches. */
  readonly out: TextStream;
  /** Errors and remarks, so that results can be piped. */
  readonly err: TextStream;
  readonly colors: Colors;
  /** Calls `listener` at Ctrl-C or a request to end; the returned function ends the listening. */
  onInterrupt(listener: () => void): () => void;
  /** Ends the process at once. */
  quit(code: number): void;
  /** How this program was called, as the user would type it: `recurve`, or `node dist/cli/main.js`. */
  readonly program: string;
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  return {
    out: process.stdout,
    err: process.stderr,
    colors: pc.createColors(pc.isColorSupported && (process.stdout.isTTY === true || "FORCE_COLOR" in process.env)),
    onInterrupt(listener) {
      const signals = ["SIGINT", "SIGTERM"] as const;
      for (const signal of signals) process.on(signal, listener);
      return () => {
        for (const signal of signals) process.off(signal, listener);
      };
    },
    quit: (code) => process.exit(code),
    program: programName(process.argv[1] ?? "recurve"),
  };
}

function programName(script: string): string {
  if (!/[\\/]main\.js$/.test(script)) return script.includes("node_modules") ? "npx recurve" : "recurve";
  const nearby = relative(process.cwd(), script);
  return `node ${shellWord(nearby.startsWith("..") ? script : nearby)}`;
}

/** Columns that lines may use: at most 100, so that they stay readable; 80 where there is no terminal. */
export function lineWidth(stream: TextStream): number {
  return Math.min(100, stream.columns ?? 80);
}

/** Columns that a text takes on a terminal, colour codes not counted. */
export function textWidth(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

/** Pads to a width in columns; `align` says on which side the text stays. */
export function padText(text: string, width: number, align: "left" | "right" = "left"): string {
  const space = " ".repeat(Math.max(0, width - textWidth(text)));
  return align === "left" ? text + space : space + text;
}

/** Rows in columns, two spaces apart. `right` lists the columns whose numbers are set to the right. */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => textWidth(row[column]))));
  return rows.map((row) =>
    row
      .map((cell, column) => padText(cell, widths[column], right.includes(column) ? "right" : "left"))
      .join("  ")
      .trimEnd(),
  );
}

/** Words set in lines of at most `width` columns, each after `indent`. */
export function wrapText(text: string, width: number, indent = ""): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && textWidth(indent) + textWidth(line) + 1 + textWidth(word) > width) {
      lines.push(indent + line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, indent + line].join("\n");
}

/** `1 234 567`: digits in groups of three. */
export function groupDigits(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, " ");
}

/** A path or text as one word of a shell's command line. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
