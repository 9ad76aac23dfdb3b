/**
 * The few globals that every JavaScript engine we run on has, beyond the language itself. The core is type-checked
 * against this file alone, so that no Node or DOM interface slips in.
 */
declare namespace WebAssembly {
  interface Memory {
    /** Of a shared memory it is a SharedArrayBuffer. */
    readonly buffer: ArrayBufferLike;
    grow(pages: number): number;
  }
  interface Module {
    readonly __module: never;
  }
  interface Instance {
    readonly exports: Record<string, unknown>;
  }
  const Memory: new (limits: { initial: number; maximum?: number; shared?: boolean }) => Memory;
  const Module: new (bytes: Uint8Array) => Module;
  const Instance: new (module: Module, imports: Record<string, Record<string, unknown>>) => Instance;
  const RuntimeError: new (message?: string) => Error;
  function validate(bytes: Uint8Array): boolean;
}

declare const performance: { now(): number };
declare const console: {
  log(...parts: unknown[]): void;
  warn(...parts: unknown[]): void;
  error(...parts: unknown[]): void;
};
declare function setTimeout(callback: () => void, milliseconds?: number): unknown;
declare function clearTimeout(timer: unknown): void;
declare function queueMicrotask(callback: () => void): void;

declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
}
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean });
  decode(bytes: Uint8Array): string;
}
declare class MessagePort {
  onmessage: ((event: unknown) => void) | null;
  postMessage(message: unknown): void;
  close(): void;
}
declare class MessageChannel {
  readonly port1: MessagePort;
  readonly port2: MessagePort;
}

interface ImportMeta {
  url: string;
}

/** Undoes compression as the platform does it: Node 18 and every browser of today. */
declare class DecompressionStream {
  readonly readable: ByteStream;
  readonly writable: unknown;
  constructor(format: "deflate-raw");
}

interface ByteStream {
  pipeThrough(through: DecompressionStream): ByteStream;
  getReader(): {
    read(): Promise<
      { readonly done: true; readonly value?: undefined } | { readonly done: false; readonly value: Uint8Array }
    >;
    cancel(): Promise<void>;
  };
}

declare class Blob {
  constructor(parts: readonly Uint8Array[]);
  stream(): ByteStream;
}
