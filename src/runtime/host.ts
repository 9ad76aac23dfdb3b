/**
 * How a thread is started: a worker thread of Node, or a Web Worker of a page. Both run the same text (`worker.ts`).
 * Not here: whether they may be started (`threads.ts`), and what they do then (`pool.ts`).
 */
import { internal } from "../base/errors.ts";
import { builtinModule } from "./node.ts";
import type { HostKind } from "./threads.ts";
import { type WorkerReport, type WorkerStart, workerSource } from "./worker.ts";

/** What happens with a worker, told when the event loop has its turn. */
export interface WorkerEvents {
  report(report: WorkerReport): void;
  /** It could not start, or has ended. */
  failed(reason: string): void;
}

/** Where workers come from. */
export interface Host {
  /** Whether the calling thread may wait, and so be a member of a team. The main thread of a page may not. */
  readonly mayWait: boolean;
  /** Starts a worker and returns at once, with a function that ends it. Raises an error where there can be none. */
  start(start: WorkerStart, events: WorkerEvents): () => void;
}

export const hosts: { readonly [K in HostKind]: () => Host } = { node: nodeHost, page: pageHost };

interface NodeWorker {
  unref(): void;
  terminate(): unknown;
  on(event: "message", listener: (report: WorkerReport) => void): void;
  on(event: "error", listener: (error: unknown) => void): void;
  on(event: "exit", listener: (code: number) => void): void;
}

type NodeWorkers = { readonly Worker: new (source: string, options: object) => NodeWorker };

function nodeHost(): Host {
  const { Worker } = builtinModule<NodeWorkers>("node:worker_threads") ?? internal("there are no workers in Node");
  const start: Host["start"] = (workerData, events) => {
    // Nothing of how the process was started concerns it: no preloaded modules, no loaders.
    const worker = new Worker(workerSource, { eval: true, workerData, env: {}, execArgv: [], name: "recurve" });
    worker.on("message", (report) => events.report(report));
    worker.on("error", (error) => events.failed(String(error)));
    worker.on("exit", (code) => events.failed(`a worker has ended with exit code ${code}`));
    worker.unref();
    return () => void worker.terminate();
  };
  return { mayWait: true, start };
}

interface PageWorker {
  onmessage: ((event: { readonly data: WorkerReport }) => void) | null;
  onerror: ((event: { readonly message?: string }) => void) | null;
  postMessage(message: WorkerStart): void;
  terminate(): void;
}

interface Page {
  readonly Worker: new (url: string, options: object) => PageWorker;
  readonly Blob: new (parts: readonly string[], options: object) => object;
  readonly URL: { createObjectURL(blob: object): string };
}

function pageHost(): Host {
  const page = globalThis as unknown as Page;
  let url: string | undefined;
  const start: Host["start"] = (data, events) => {
    url ??= page.URL.createObjectURL(new page.Blob([workerSource], { type: "text/javascript" }));
    const worker = new page.Worker(url, { name: "recurve" });
    worker.onmessage = (event) => events.report(event.data);
    // A Content-Security-Policy that forbids it gives no message.
    worker.onerror = ({ message }) =>
      events.failed(message ?? "the page's Content-Security-Policy does not allow workers from blob: URLs");
    worker.postMessage(data);
    return () => worker.terminate();
  };
  return { mayWait: false, start };
}
