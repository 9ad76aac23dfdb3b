/**
 * One engine as a child process that answers one request a line (JSON in, JSON out), and stands still between its turns,
 * so that no engine's idle threads spin while another is measured. Not here: what is asked (measure.mjs).
 *
 * `{ do: "prepare", shape, kind }` builds a row and answers `{ peer, version, threads, ... }`, or `{ unsupported }`;
 * `{ do: "time", times, idle, least, seconds }` answers `{ times, cores }`, milliseconds of one step and processor
 * time over time: `idle` calls of `times` steps that do not count, then at least `least` that do, and more until `seconds` are over.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** Who stands still would not notice that nobody asks any more. */
const standing = new Set();
process.once("exit", () => {
  for (const child of standing) child.kill("SIGKILL");
});

/** Starts an engine; resolves when it is ready, or with `missing` where its libraries are not there. */
export async function startChild({ name, command, args, environment = {}, hint }) {
  const child = spawn(command, args, { env: { ...process.env, ...environment }, stdio: "pipe" });
  let complaint = "";
  child.stderr.on("data", (text) => {
    complaint = (complaint + text).slice(-4000);
  });
  child.stdin.on("error", () => undefined);
  const failed = new Promise((done) => child.on("error", (error) => done({ missing: error.message })));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await lines.next();
    return done ? { missing: sentenceOf(complaint) } : JSON.parse(value);
  };
  const ready = await Promise.race([answer(), failed]);
  if (ready.missing !== undefined) return { name, missing: `${ready.missing}. ${hint}` };
  child.kill("SIGSTOP");
  standing.add(child);
  let ended = false;
  return {
    name,
    pid: child.pid,
    ended: () => ended,
    end: () => child.kill("SIGKILL"),
    /** One request while the child runs; it stands still again when it has answered. */
    async ask(request) {
      child.kill("SIGCONT");
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const given = await answer();
      ended = given.missing !== undefined;
      if (!ended) child.kill("SIGSTOP");
      return given;
    },
  };
}

/** The line of a stack trace, of Node or of Python, that says what was wrong. */
function sentenceOf(complaint) {
  const lines = complaint
    .trim()
    .split("\n")
    .filter((line) => /^\S*(Error|Exception)\b|Error:/.test(line.trim()));
  return lines.at(-1)?.trim() ?? "it ended without a word";
}
