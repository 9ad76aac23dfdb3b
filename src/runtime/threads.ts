/**
 * How many threads a program may have here, and why not more: RECURVE_THREADS, else one for each core, where there
 * is a way to start threads at all. Only the question; `pool.ts` starts them.
 */
import { OptionError } from "../base/errors.ts";

/** More threads than this gain nothing for networks of the usual sizes. */
export const maximumThreads = 16;

/** So many threads run a program together; `reason` says in a sentence why it is that number. */
export interface Threads {
  readonly count: number;
  readonly reason: string;
}

/** The globals that tell where we are. */
export interface Surroundings {
  readonly process?: {
    readonly env?: Readonly<Record<string, string | undefined>>;
    readonly versions?: Readonly<Record<string, string | undefined>>;
    readonly getBuiltinModule?: (name: string) => unknown;
  };
  readonly document?: unknown;
  readonly crossOriginIsolated?: boolean;
  readonly navigator?: { readonly hardwareConcurrency?: number };
  readonly SharedArrayBuffer?: unknown;
  readonly Worker?: unknown;
  readonly Blob?: unknown;
  readonly Bun?: unknown;
  readonly Deno?: unknown;
}

/** What can start threads: Node, or a page that may share memory with its workers. */
export type HostKind = "node" | "page";

/** Where we are: a kind of host, or the reason why there can be one thread only. */
export function hostKind(around: Surroundings = globalThis as Surroundings): HostKind | { readonly reason: string } {
  if (around.SharedArrayBuffer === undefined && around.document === undefined)
    return { reason: "this JavaScript engine has no shared memory" };
  if (around.Bun !== undefined || around.Deno !== undefined)
    return { reason: "threads are started in Node and in pages only, and this is another host" };
  if (around.process?.versions?.["node"] !== undefined) {
    if (around.process.getBuiltinModule !== undefined) return "node";
    return { reason: "threads need Node 20.16 or newer" };
  }
  if (around.document === undefined) return { reason: "this is a worker, which starts no threads of its own" };
  if (around.crossOriginIsolated !== true)
    return { reason: "this page is not cross-origin isolated (see docs/threads.md)" };
  if (around.Worker === undefined || around.Blob === undefined) return { reason: "this page has no workers" };
  return "page";
}

/** How many threads programs are to have here. Raises OptionError where RECURVE_THREADS is no such number. */
export function threads(around: Surroundings = globalThis as Surroundings): Threads {
  const asked = askedFor(around.process?.env?.["RECURVE_THREADS"]);
  const host = hostKind(around);
  if (typeof host !== "string") return { count: 1, reason: host.reason };
  if (asked !== undefined) return { count: asked, reason: "RECURVE_THREADS says so" };
  return host === "node" ? threadsOfNode(around) : forCores(around.navigator?.hardwareConcurrency ?? 1);
}

function askedFor(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= maximumThreads) return count;
  throw new OptionError(
    `RECURVE_THREADS: expected a whole number from 1 to ${maximumThreads}, got "${text}". Set it to the number of threads that a program may use, or leave it out to use every core.`,
    { variable: "RECURVE_THREADS", got: text },
  );
}

function threadsOfNode({ process }: Surroundings): Threads {
  const module = process?.getBuiltinModule as (name: string) => unknown;
  const { isMainThread } = module("node:worker_threads") as { isMainThread: boolean };
  // Who starts workers has divided the cores already.
  if (!isMainThread) return { count: 1, reason: "this is a worker; set RECURVE_THREADS to give it threads of its own" };
  const { availableParallelism } = module("node:os") as { availableParallelism(): number };
  return forCores(availableParallelism());
}

function forCores(cores: number): Threads {
  return cores > maximumThreads
    ? { count: maximumThreads, reason: `there are ${cores} cores, and ${maximumThreads} threads are the most` }
    : { count: cores, reason: cores === 1 ? "there is one core" : `there are ${cores} cores` };
}
