/** Weights in files beside an .onnx file: read where they are said to lie, and nowhere else. */

import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { FileError, FormatError, OptionError } from "../../../src/base/errors.ts";
import { inspectBytes, loadBytes } from "../../../src/io/load.ts";
import { load } from "../../../src/io/node/load.ts";
import { decodeOnnx, onnxDataFiles } from "../../../src/io/onnx/decode.ts";
import { decodeOnnxProto, encodeOnnxProto, type OnnxTensor } from "../../../src/io/onnx/messages.ts";

const path = fileURLToPath(new URL("../fixtures/onnx/beside.onnx", import.meta.url));
const bytes = new Uint8Array(readFileSync(path));
const data = new Uint8Array(readFileSync(`${path}.data`));
const { graph, ...rest } = decodeOnnxProto(bytes);

/** The file with each tensor whose elements are elsewhere changed. */
function changed(change: (tensor: OnnxTensor & { external: NonNullable<OnnxTensor["external"]> }) => OnnxTensor) {
  const initializers = graph.initializers.map((one) =>
    one.external === undefined ? one : change({ ...one, external: one.external }),
  );
  return encodeOnnxProto({ ...rest, graph: { ...graph, initializers } });
}

const placed = (place: Partial<NonNullable<OnnxTensor["external"]>>) =>
  changed((one) => ({ ...one, external: { ...one.external, ...place } }));

test("the file beside is found by load, and named in a report", async () => {
  expect(onnxDataFiles(bytes)).toEqual(["beside.onnx.data"]);
  const { model } = await load(path);
  expect(model?.layers.map(({ kind }) => kind)).toEqual(["lstm", "dense"]);
  const report = await inspectBytes(bytes);
  expect(report.missing).toEqual([]);
  expect(report.facts).toContainEqual(["weights in", "beside.onnx.data"]);
});

test("a file that is written again has its weights in itself", () => {
  const read = decodeOnnx(bytes, "m.onnx", new Map([["beside.onnx.data", data]]));
  const again = decodeOnnx(read.encode());
  for (const [name, weight] of Object.entries(read.weights())) expect(again.weights()[name]).toEqual(weight);
});

test("without that file a sentence says what is missing", async () => {
  expect(() => decodeOnnx(bytes, "m.onnx")).toThrow(OptionError);
  expect(() => decodeOnnx(bytes, "m.onnx")).toThrow(
    /^m\.onnx: tensor ".+": expected the bytes of "beside\.onnx\.data"/,
  );
  await expect(loadBytes(bytes, { where: "m.onnx" })).rejects.toThrow(/expected the bytes of "beside\.onnx\.data"/);
  const folder = await mkdtemp(join(tmpdir(), "recurve-beside-"));
  await writeFile(join(folder, "alone.onnx"), bytes);
  await expect(load(join(folder, "alone.onnx"))).rejects.toThrow(FileError);
  await rm(folder, { recursive: true });
});

test.each(["../secret", "/etc/passwd", "a/../../b", "C:\\data", "..", "", "a//b", "sub\\..\\..\\x", "x\0y"])(
  "the name %j leads out of the folder, and nothing is read",
  async (location) => {
    const asked: string[] = [];
    const beside = async (name: string): Promise<Uint8Array> => {
      asked.push(name);
      return data;
    };
    await expect(loadBytes(placed({ location }), { where: "m.onnx", beside })).rejects.toThrow(FormatError);
    expect(asked).toEqual([]);
    expect((await inspectBytes(placed({ location }))).missing.join()).toMatch(/expected its elements in a file beside/);
  },
);

test("a file of a folder below is a file beside", async () => {
  const { model } = await loadBytes(placed({ location: "weights/part.bin" }), { beside: async () => data });
  expect(model).toBeDefined();
});

test.each([
  { offset: 2 ** 40 },
  { offset: data.length - 3 },
  { length: 3 },
  { length: 2 ** 50 },
  { offset: 4, length: undefined },
])("a place outside of the data is a sentence: %j", (place) => {
  const wrong = (): unknown => decodeOnnx(placed(place), "m.onnx", new Map([["beside.onnx.data", data]]));
  expect(wrong).toThrow(FormatError);
  expect(wrong).toThrow(/^m\.onnx: tensor ".+": expected \d+ bytes for float32 .* in "beside\.onnx\.data", got/);
});
