/**
 * Programs that were compiled before, by this process or another: the artefact of a graph, kept in the store under a
 * key of all that it depends on, which are the graph, how it is lowered, and the build of this compiler. What can not
 * be read is compiled (docs/decisions/0014-programs-that-are-kept.md).
 */
import { build } from "../base/build.ts";
import type { Graph } from "../graph/graph.ts";
import { writeGraph } from "../graph/write.ts";
import type { Machine } from "../loops/machine.ts";
import type { WasmArtefact } from "../target/target.ts";
import { decodeArtefact, encodeArtefact } from "../target/wasm/stored.ts";
import { keyOf, type Store, store } from "./store.ts";

/** What an artefact depends on, beside the compiler. */
export interface Origin {
  readonly graph: Graph;
  /** Outputs that are kept in the memory of inputs. */
  readonly aliases: readonly { readonly output: number; readonly input: number }[];
  readonly machine: Machine;
}

/** Where to keep what, and what made it; only tests have others than the usual. */
export interface Keeping {
  readonly store: Store | undefined;
  /** Of the compiler; nothing is kept if empty. */
  readonly build: string;
}

/** The artefact of an origin: read, or else made by `emit` and kept. */
export function keptArtefact(
  origin: Origin,
  emit: () => WasmArtefact,
  keeping: Keeping = usualKeeping(),
): WasmArtefact {
  if (keeping.store === undefined || keeping.build === "") return emit();
  const key = artefactKey(origin, keeping.build);
  const known = readArtefact(keeping.store, key);
  if (known !== undefined) return known;
  const artefact = emit();
  keeping.store.write(key, encodeArtefact(artefact));
  return artefact;
}

/** The name under which an artefact is kept. */
export function artefactKey({ graph, aliases, machine }: Origin, by: string): string {
  const { text, data } = writeGraph(graph, { names: true });
  const settings = JSON.stringify([aliases.map(({ output, input }) => [output, input]), machine]);
  const elements = data.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength));
  return keyOf(["wasm", by, settings, text, ...elements], "program");
}

function usualKeeping(): Keeping {
  // The store is opened only where something could be kept.
  return { store: build === "" ? undefined : store(), build };
}

function readArtefact(from: Store, key: string): WasmArtefact | undefined {
  const bytes = from.read(key);
  if (bytes === undefined) return undefined;
  try {
    return decodeArtefact(bytes);
  } catch {
    return undefined;
  }
}
