/**
 * Programs that are kept from one process to the next: what is read is what was compiled, a key tells apart all that
 * makes a program another one, and no state of the store makes a wrong one.
 */
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { symbol, symbolsOf } from "../../src/base/dims.ts";
import { Builder } from "../../src/graph/build.ts";
import type { Graph } from "../../src/graph/graph.ts";
import type { Program } from "../../src/loops/ir.ts";
import { lower } from "../../src/loops/lower/index.ts";
import { type Machine, simd128 } from "../../src/loops/machine.ts";
import { decompose } from "../../src/loops/math.ts";
import { layout } from "../../src/loops/plan.ts";
import { artefactKey, keptArtefact } from "../../src/runtime/kept.ts";
import { type Store, storeIn } from "../../src/runtime/store.ts";
import { createRuntime } from "../../src/runtime/wasm.ts";
import type { WasmArtefact } from "../../src/target/target.ts";
import { emitWasm } from "../../src/target/wasm/emit.ts";
import { decodeArtefact, encodeArtefact } from "../../src/target/wasm/stored.ts";
import { goldens } from "../golden/programs.ts";
import { cases } from "../ops/cases.ts";
import { argumentsOf, graphOf } from "../ops/harness.ts";
import { alterations } from "./alterations.ts";

const folder = mkdtempSync(join(tmpdir(), "recurve-kept-"));
beforeEach(() => {
  for (const name of readdirSync(folder)) rmSync(join(folder, name));
});
afterAll(() => rmSync(folder, { recursive: true }));

const build = "a build";
const open = (maximum?: number): Store => storeIn(folder, maximum) as Store;
const team: Machine = { ...simd128, threads: 2, grain: 0 };
const all = Object.entries(cases).flatMap(([op, list]) => list.map((one) => ({ what: `${op}: ${one.name}`, one })));

function emit(graph: Graph, machine: Machine = simd128): WasmArtefact {
  return emitWasm(decompose(lower(graph, { machine })));
}

/** The artefact of a graph with this store, and whether it had to be compiled. */
function kept(graph: Graph, options: { by?: string; store?: Store | undefined; machine?: Machine } = {}) {
  const { by, store, machine } = { by: build, store: open(), machine: simd128, ...options };
  let compiled = false;
  const make = (): WasmArtefact => {
    compiled = true;
    return emit(graph, machine);
  };
  return {
    artefact: keptArtefact({ graph, aliases: [], machine }, make, { store, build: by }),
    compiled: () => compiled,
  };
}

/** Where the temporaries of a program lie, for sizes of 7. */
function placesIn(program: Program): readonly number[] {
  const dims = Object.fromEntries(program.buffers.flatMap(({ size }) => symbolsOf(size)).map((name) => [name, 7]));
  const { bytes, offsets } = layout(program, dims);
  return [bytes, ...program.buffers.map((buffer) => offsets.get(buffer) ?? -1)];
}

/** sum over k of x[b, k] * y[k, n] + 1/3, with free sizes. */
function sample(): Graph {
  const b = new Builder("sample");
  const x = b.input("x", { dtype: "float32", shape: [symbol("b"), 3] });
  const y = b.input("y", { dtype: "float32", shape: [3, 4] });
  const product = b.add("matmul", { transposeA: false, transposeB: false }, [x, y]);
  const weights = b.add("constant", { dtype: "float32", shape: [4], data: Float32Array.of(1, 2, -0, 1 / 3) }, []);
  return b.finish([b.add("add", {}, [product, b.broadcastTo(weights, product.shape)])]);
}

describe("what was kept equals what was compiled", () => {
  const runtime = createRuntime({ threads: 1 });

  test("for every op, to the last bit, and again when it is kept once more", () => {
    for (const { what, one } of all) {
      const graph = graphOf(one);
      const artefact = emit(graph);
      const again = decodeArtefact(encodeArtefact(artefact));
      expect(again.bytes, what).toEqual(artefact.bytes);
      const run = (made: WasmArtefact) =>
        runtime.load(made).run(
          argumentsOf(one),
          graph.outputs.map(() => "host" as const),
          one.dims ?? {},
        );
      expect(run(again), what).toEqual(run(artefact));
    }
  });

  test("for whole networks: buffers, sizes, checks and the size of the team", () => {
    for (const make of Object.values(goldens)) {
      const { fn, args } = make();
      const { optimised } = fn.inspect(...(args as never[]));
      for (const machine of [simd128, team]) {
        const artefact = emit(optimised, machine);
        const { program } = decodeArtefact(encodeArtefact(artefact));
        expect(placesIn(program)).toEqual(placesIn(artefact.program));
        const { body, team: threads, ...rest } = artefact.program;
        expect(program).toEqual({
          ...rest,
          body: [],
          ...(threads && { team: { ...threads, index: expect.anything() } }),
        });
        expect(program.team?.count).toBe(threads?.count);
      }
    }
  });

  test("a second look-up compiles nothing", () => {
    expect(kept(sample()).compiled()).toBe(true);
    const second = kept(sample());
    expect(second.compiled()).toBe(false);
    expect(second.artefact.bytes).toEqual(emit(sample()).bytes);
  });
});

describe("a key", () => {
  const keyFor = (graph: Graph, machine = simd128, by = build): string =>
    artefactKey({ graph, aliases: [], machine }, by);

  test("is the same for a graph that is traced again", () => {
    for (const { what, one } of all) expect(keyFor(graphOf(one)), what).toBe(keyFor(graphOf(one)));
  });

  test("changes with every parameter of every op, every constant, type, operand, result and name", () => {
    let changes = 0;
    for (const { what, one } of all) {
      const graph = graphOf(one);
      const keys = new Map([[keyFor(graph), "the graph itself"]]);
      for (const [change, altered] of alterations(graph)) {
        const key = keyFor(altered);
        expect(keys.get(key), `${what}: ${change}`).toBe(undefined);
        keys.set(key, change);
        changes++;
      }
    }
    expect(changes).toBeGreaterThan(10 * Object.keys(cases).length);
  });

  test("changes with the machine, the build and the outputs that overwrite inputs", () => {
    const graph = sample();
    const machines: Machine[] = [
      simd128,
      { ...simd128, threads: 2 },
      { ...simd128, lanes: 8 },
      { ...simd128, grain: 0 },
      { ...simd128, tile: { rows: 8, vectors: 2, depth: 512 } },
    ];
    const aliases = [{ output: 0, input: 0 }];
    const keys = [
      ...machines.map((machine) => keyFor(graph, machine)),
      keyFor(graph, simd128, "another build"),
      artefactKey({ graph, aliases, machine: simd128 }, build),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe("the store", () => {
  const files = (): string[] => readdirSync(folder).filter((name) => name.endsWith(".program"));

  test("an entry that was damaged, cut short or swapped is compiled again and replaced", () => {
    const wanted = emit(sample()).bytes;
    kept(sample());
    const path = join(folder, files()[0]);
    const sound = readFileSync(path);
    const damages: (() => unknown)[] = [
      () => writeFileSync(path, sound.subarray(0, 100)),
      () =>
        writeFileSync(
          path,
          sound.map((byte, i) => (i === 2000 ? byte ^ 1 : byte)),
        ),
      () => writeFileSync(path, ""),
      () => writeFileSync(`${path}.sum`, "no digest"),
      () => rmSync(`${path}.sum`),
      // Sound as a file, but no program.
      () => open().write(files()[0], new TextEncoder().encode("something else entirely")),
      () => open().write(files()[0], new Uint8Array()),
    ];
    for (const damage of damages) {
      damage();
      const first = kept(sample());
      expect([first.compiled(), first.artefact.bytes]).toEqual([true, wanted]);
      expect(kept(sample()).compiled()).toBe(false);
    }
  });

  test("nothing is kept without a store, and nothing by sources that have no build", () => {
    expect(kept(sample(), { store: undefined }).compiled()).toBe(true);
    expect(kept(sample(), { by: "" }).compiled()).toBe(true);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("another build finds nothing of this one", () => {
    kept(sample());
    expect(kept(sample(), { by: "another build" }).compiled()).toBe(true);
    expect(files()).toHaveLength(2);
  });

  test("a store that can not be written compiles every time", () => {
    const store: Store = { ...open(), read: () => undefined, write: () => false, path: (key) => key };
    expect(kept(sample(), { store }).compiled()).toBe(true);
    expect(kept(sample(), { store }).compiled()).toBe(true);
  });

  test("a full folder loses what was used longest ago, and no file of anyone else", () => {
    const key = (i: number): string => `${String(i).repeat(40)}.program`;
    const store = open(10_000);
    writeFileSync(join(folder, "mine.txt"), new Uint8Array(50_000));
    for (let i = 0; i < 9; i++) {
      expect(store.write(key(i), new Uint8Array(2000))).toBe(true);
      for (const path of [store.path(key(i)), `${store.path(key(i))}.sum`]) utimesSync(path, 1000 + i, 1000 + i);
      // The first is used again and again.
      store.read(key(0));
    }
    const left = [0, 1, 2, 3, 4, 5, 6, 7, 8].filter((i) => store.read(key(i)) !== undefined);
    expect(left).toContain(0);
    expect(left).toContain(8);
    expect(left).not.toContain(1);
    expect(files().reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)).toBeLessThanOrEqual(10_000);
    expect(existsSync(join(folder, "mine.txt"))).toBe(true);
  });
});
