#!/usr/bin/env node
/** The program `recurve`. Everything is in `runCli.ts`; this file only joins it to the process. */
import { createRequire } from "node:module";
import { runCli } from "./runCli.ts";
import { processTerminal } from "./terminal.ts";

// A reader that has seen enough (`recurve generate ... | head`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };
process.exitCode = await runCli(process.argv.slice(2), processTerminal(), version);
