/**
 * The words by which a runtime tells its workers what to do: their places in shared memory, in bytes from the start
 * of the control block. `pool.ts` writes them, `worker.ts` reads them. Words that different threads write are two cache
 * lines apart.
 */
import { meeting } from "../target/wasm/frame.ts";

/** Programs that workers can know at a time. */
export const seatCount = 1024;

export const control = {
  /** Changes with each command; the lowest bits are the number of threads that it is for, so that the others need not read it. */
  ticket: 0,
  /** Workers that wait for the ticket to change. */
  sleepers: 128,
  /** The command: run the program of a seat in a frame. */
  command: 256,
  /** Workers that have begun to read tickets. */
  booted: 384,
  /** One more each time a worker has done with a command. */
  returned: 512,
  /** Changes when a seat has been given up. */
  forgotten: 640,
  /** For each worker the number of programs that it knows. */
  known: 644,
  /** Where the threads of a program meet (`target/wasm/frame.ts`). */
  meeting: 768,
  /** For each seat the stamp of the program that has it, or 0. */
  seats: 768 + meeting.bytes,
  bytes: 768 + meeting.bytes + 4 * seatCount,
} as const;

/** Bits of the ticket for the number of threads. */
export const ticketShift = 5;

/** The words of a command. */
export const commandWords = [
  "seat",
  "frame",
  /** Where the bytes of the module lie, for workers that do not know it yet, and how many they are. */
  "bytes",
  "length",
  /** Of the memory now: a worker makes its views anew when it has grown. */
  "size",
  /** What `returned` is when all have done with it. */
  "goal",
  /** 1 if whoever is the last to be done is to send a message. */
  "reports",
] as const;
