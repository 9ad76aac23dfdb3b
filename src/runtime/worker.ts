/**
 * What a worker runs: a loop that waits for tickets and runs programs, as text, because a worker begins with a text
 * and bundlers must not need a second file. It knows nothing but the words of `control.ts`, and never returns to its event loop.
 */
import { brokenDown, failedCheckOffset, meeting } from "../target/wasm/frame.ts";
import { commandWords, control, ticketShift } from "./control.ts";

/** What a worker is told when it starts. */
export interface WorkerStart {
  readonly memory: WebAssembly.Memory;
  /** Address of the control block. */
  readonly control: number;
  /** Its number in teams. */
  readonly index: number;
}

/** What a worker says: that it is there, that a command is done by all, or that it could not run a program. */
export type WorkerReport =
  | { readonly kind: "booted" }
  | { readonly kind: "done" }
  | { readonly kind: "broken"; readonly reason: string };

/**
 * Milliseconds that an idle worker looks for the next call before it sleeps. Between two steps of a training lie 20 to
 * 300 microseconds of JavaScript; to wake a worker takes as long as that.
 */
const patience = 0.5;

export const workerSource = `"use strict";
const control = ${JSON.stringify(control)};
const commandWords = ${JSON.stringify(commandWords)};

function serve({ memory, control: start, index }, report) {
  let ints = new Int32Array(memory.buffer);
  const word = (offset) => (start + offset) >>> 2;
  const [ticket, sleepers, seats] = [word(control.ticket), word(control.sleepers), word(control.seats)];
  const known = new Map();
  let seen = Atomics.load(ints, ticket);
  let forgotten = 0;

  function nextTicket() {
    for (;;) {
      const end = performance.now() + ${patience};
      do {
        for (let i = 0; i < 64; i++) {
          const now = Atomics.load(ints, ticket);
          if (now !== seen) return now;
        }
      } while (performance.now() < end);
      Atomics.add(ints, sleepers, 1);
      Atomics.wait(ints, ticket, seen);
      Atomics.sub(ints, sleepers, 1);
      sweep();
    }
  }

  // Lets go of the programs whose seats have been given up.
  function sweep() {
    const now = Atomics.load(ints, word(control.forgotten));
    if (now === forgotten) return;
    forgotten = now;
    for (const [seat, { stamp }] of known) if (Atomics.load(ints, seats + seat) !== stamp) known.delete(seat);
    tellKnown();
  }

  function tellKnown() {
    Atomics.store(ints, word(control.known) + index, known.size);
  }

  function programOf({ seat, bytes, length }) {
    const stamp = Atomics.load(ints, seats + seat);
    const found = known.get(seat);
    if (found !== undefined && found.stamp === stamp) return found.program;
    const module = new WebAssembly.Module(new Uint8Array(memory.buffer, bytes >>> 0, length).slice());
    const program = new WebAssembly.Instance(module, { env: { memory } }).exports;
    known.set(seat, { stamp, program });
    tellKnown();
    return program;
  }

  function readCommand() {
    const command = {};
    commandWords.forEach((name, i) => {
      command[name] = ints[word(control.command) + i];
    });
    return command;
  }

  // A memory that another thread has let grow is as large here a moment later.
  function follow(size) {
    while (memory.buffer.byteLength < size >>> 0);
    if (ints.byteLength < size >>> 0) ints = new Int32Array(memory.buffer);
  }

  function run(command, count) {
    const { frame } = command;
    let program;
    try {
      program = programOf(command);
    } catch (error) {
      // It can not come to the first barrier by itself.
      ints[(frame >>> 2) + ${failedCheckOffset / 4}] = ${brokenDown};
      const meets = word(control.meeting);
      ints[meets + ${meeting.stopAt / 4}] = ints[meets + ${meeting.base / 4}] + count;
      Atomics.add(ints, meets + ${meeting.arrivals / 4}, 1);
      Atomics.notify(ints, meets + ${meeting.arrivals / 4});
      report({ kind: "broken", reason: String(error) });
      return;
    }
    try {
      program.run(frame, index);
    } catch (error) {
      if (program.stopped.value === 1) return;
      report({ kind: "broken", reason: String(error) });
      try {
        program.stop(frame);
      } catch {
        // It traps when all have come.
      }
    }
  }

  Atomics.add(ints, word(control.booted), 1);
  Atomics.notify(ints, word(control.booted));
  report({ kind: "booted" });
  for (;;) {
    seen = nextTicket();
    const count = seen & ${2 ** ticketShift - 1};
    if (count <= index) continue;
    sweep();
    const command = readCommand();
    follow(command.size);
    run(command, count);
    const last = ((Atomics.add(ints, word(control.returned), 1) + 1) | 0) === command.goal;
    if (last && command.reports === 1) report({ kind: "done" });
  }
}

if (typeof require === "function") {
  const { parentPort, workerData } = require("node:worker_threads");
  serve(workerData, (report) => parentPort.postMessage(report));
} else onmessage = ({ data }) => serve(data, (report) => postMessage(report));
`;
