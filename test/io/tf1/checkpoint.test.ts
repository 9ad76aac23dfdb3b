/** Checkpoints of TensorFlow: variables, gradients through the model, the table format, reports, and what is refused. */
import { expect, test } from "vitest";
import { FormatError, RecurveError, UnsupportedError } from "../../../src/base/errors.ts";
import { leavesByPath, type Tree } from "../../../src/base/trees.ts";
import type { HostTensors } from "../../../src/io/hostTensor.ts";
import { decodeTf1 } from "../../../src/io/tf1/bundle.ts";
import { maskedCrc32c } from "../../../src/io/tf1/crc32c.ts";
import { modelFromTf1 } from "../../../src/io/tf1/infer.ts";
import { inspectTf1 } from "../../../src/io/tf1/inspect.ts";
import { keyOfSlice } from "../../../src/io/tf1/slices.ts";
import { decodeSnappy } from "../../../src/io/tf1/snappy.ts";
import { readTable } from "../../../src/io/tf1/table.ts";
import { context } from "../../../src/nn/index.ts";
import { grad, mul, sum, type Tensor } from "../../../src/trace/index.ts";
import { expectClose, tensorOf } from "../closeness.ts";
import { damaged } from "../damaged.ts";
import { hostile, read, table } from "../hostile/tf1.ts";
import { fixture, readCase, shardsOf } from "./cases.ts";

const withGradients = [
  "basic-rnn",
  "lstm-peepholes-projection",
  "gru-words",
  "multi",
  "bidirectional-multi",
  "stack-bidirectional",
  "bidirectional-2017",
  "basic-lstm-2016",
];

test.each(withGradients)("%s: the gradient of every variable is TensorFlow's", (name) => {
  const { variables, numbers } = readCase(name);
  const { model } = modelFromTf1(variables);
  const loss = (params: ReturnType<typeof model.params>): Tensor => {
    const call = { params, inputs: [tensorOf(numbers["in.x"])], context: context({ training: false }) };
    return sum(mul(model.forward(call).outputs[0], tensorOf(numbers["r.y"])));
  };
  const got = leavesByPath<Tensor>(grad(loss)(model.params()) as Tree<Tensor>);
  // Gradients are arranged as the variables are, but that nothing is added to that of a bias.
  const named = Object.entries(numbers).filter(([key]) => key.startsWith("grad."));
  const gradients: HostTensors = Object.fromEntries(named.map(([key, value]) => [key.slice("grad.".length), value]));
  const expected = modelFromTf1(gradients, { forgetBias: 0 }).model.weights();
  expect([...got.keys()].sort()).toEqual(Object.keys(expected).sort());
  for (const [path, x] of Object.entries(expected)) expectClose((got.get(path) as Tensor).data(), x.data(), path);
});

test("variables are views of the shard, those of the optimiser too", () => {
  const shards = shardsOf("gru-words");
  const data = shards(0, 1);
  const variables = decodeTf1(fixture("gru-words.index"), () => data);
  expect(variables["dense/kernel"].data.buffer).toBe(data.buffer);
  expect(variables["dense/kernel/Adam"].shape).toEqual([4, 5]);
  expect([...variables.global_step.data]).toEqual([0]);
});

test("the report says what belongs to a cell, to a direction and to the training, from the index alone", () => {
  const report = inspectTf1(fixture("gru-words.index"), "a.index");
  expect(report.parts.find(({ path }) => path === "rnn/gru_cell/gates/kernel")).toEqual({
    path: "rnn/gru_cell/gates/kernel",
    kind: "float32",
    shape: [7, 8],
    parameters: 56,
    notes: ["gru", "gates r, u, c"],
  });
  expect(report.parts.find(({ path }) => path === "dense/kernel/Adam")?.notes).toEqual(["of the training"]);
  expect(report.missing).toEqual([]);
  const old = inspectTf1(fixture("bidirectional-2017.index"), "b.index");
  expect(old.parts.find(({ path }) => path.startsWith("bidirectional_rnn/bw"))?.notes).toEqual([
    "lstm",
    "gates i, j, f, o",
    "forget bias is added at run time",
    "backward",
  ]);
  expect(inspectTf1(fixture("partitioned.index")).parts.find(({ path }) => path === "out/kernel")?.notes).toEqual([
    "in 2 parts",
  ]);
});

test("what variables do not say is in the notes", () => {
  const { notes, variables } = modelFromTf1(readCase("bidirectional-2017").variables);
  expect(notes.join("\n")).toMatch(
    /forget bias 1[\s\S]*activation tanh[\s\S]*every step[\s\S]*"softmax_weights": no activation[\s\S]*"char_embedding" is taken as an embedding/,
  );
  expect(variables.softmax_weights).toEqual(["softmax_weights", "softmax_biases"]);
});

test("a checkpoint of version 1 and one of TensorFlow 2 objects are refused with what to do", () => {
  expect(() => decodeTf1(fixture("version-1"), () => new Uint8Array(0), "model.ckpt")).toThrow(UnsupportedError);
  expect(() => decodeTf1(fixture("version-1"), () => new Uint8Array(0), "model.ckpt")).toThrow(
    /^model\.ckpt: expected a checkpoint of version 2.*SaverDef\.V2/,
  );
  expect(inspectTf1(fixture("version-1")).missing.join()).toMatch(/version 2/);
  const objects = {
    "layer/kernel/.ATTRIBUTES/VARIABLE_VALUE": readCase("basic-rnn").variables["rnn/basic_rnn_cell/kernel"],
  };
  expect(() => modelFromTf1(objects)).toThrow(/TensorFlow 2 objects.*model\.save/);
});

test("variables that fit nowhere are named", () => {
  const { variables } = readCase("basic-rnn");
  const more = {
    ...variables,
    "filter/kernel": { dtype: "float32", shape: [3, 3, 1], data: new Float32Array(9) },
  } as const;
  expect(() => modelFromTf1(more, { where: "a.index" })).toThrow(
    /^a\.index: .*got "filter\/kernel" of shape \[3, 3, 1\]/,
  );
  expect(modelFromTf1(more, { without: ["filter/"] }).model.layers).toHaveLength(1);
  const lone = { "layer/kernel": variables["rnn/basic_rnn_cell/kernel"] };
  expect(() => modelFromTf1(lone)).toThrow(/expected a cell by a name such as rnn\/basic_lstm_cell\/kernel/);
});

test("an option that names no variable, or no choice that there is, is refused", () => {
  const { variables } = readCase("basic-rnn");
  expect(() => modelFromTf1(variables, { activations: { out: "relu" } })).toThrow(
    /names of variables in activations, got "out"/,
  );
  expect(() => modelFromTf1(variables, JSON.parse('{"output":"all"}'))).toThrow(/one of sequence, last, got "all"/);
});

test("a changed bit of data, and a shard that ends early, are found", () => {
  const data = shardsOf("multi")(0, 1);
  data[100] ^= 1;
  expect(() => decodeTf1(fixture("multi.index"), () => data, "m.index")).toThrow(FormatError);
  expect(() => decodeTf1(fixture("multi.index"), () => data, "m.index")).toThrow(/variable "rnn\/.*checksum/);
  expect(() => decodeTf1(fixture("multi.index"), () => data.subarray(0, 100), "m.index")).toThrow(
    /in the file \.data-00000-of-00001, got 100 bytes/,
  );
});

test("CRC-32C is that of RFC 3720, masked as LevelDB does", () => {
  const unmasked = (value: number): number => {
    const turned = (value - 0xa282ead8) >>> 0;
    return ((turned >>> 17) | (turned << 15)) >>> 0;
  };
  expect(unmasked(maskedCrc32c(new Uint8Array(32)))).toBe(0x8a9136aa);
  expect(unmasked(maskedCrc32c(new Uint8Array(32).fill(255)))).toBe(0x62a8ab43);
  expect(unmasked(maskedCrc32c(Uint8Array.from({ length: 32 }, (_, i) => i)))).toBe(0x46dd794e);
  expect(unmasked(maskedCrc32c(new TextEncoder().encode("123456789")))).toBe(0xe3069283);
});

test("Snappy: literals of all lengths, and copies of one, two and four bytes of offset that may overlap", () => {
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  // "ab", then 6 more that repeat it: tag 01, length 6, offset 2.
  expect(text(decodeSnappy(Uint8Array.of(8, 4, 97, 98, 0b1001, 2), ""))).toBe("abababab");
  // The same with offsets of two and of four bytes.
  expect(text(decodeSnappy(Uint8Array.of(8, 4, 97, 98, 0b10110, 2, 0), ""))).toBe("abababab");
  expect(text(decodeSnappy(Uint8Array.of(8, 4, 97, 98, 0b10111, 2, 0, 0, 0), ""))).toBe("abababab");
  // A literal of 70 bytes says its length in a byte of its own.
  const long = Uint8Array.from({ length: 70 }, (_, i) => i);
  expect(decodeSnappy(Uint8Array.from([70, 60 << 2, 69, ...long]), "")).toEqual(long);
});

test("a table with a compressed block has the entries of the plain one", () => {
  const plain = [0, 1, 3, 97, 1, 2, 3, 0, 0, 0, 0, 1, 0, 0, 0];
  const literal = [plain.length, (plain.length - 1) << 2, ...plain];
  const entries = readTable(table([{ bytes: plain }]), "");
  expect(entries).toEqual([{ key: "a", value: Uint8Array.of(1, 2, 3) }]);
  expect(readTable(table([{ bytes: literal, type: 1 }]), "")).toEqual(entries);
});

test("keys of slices sort as their numbers do", () => {
  const starts = [0, 1, 63, 64, 100, 8191, 8192, 2 ** 20, 2 ** 40];
  const keys = starts.map((start) => keyOfSlice("w", [{ start, length: 3 }]));
  expect(keys.toSorted()).toEqual(keys);
  expect([...keyOfSlice("w", [{ start: 64, length: undefined }])].map((letter) => letter.charCodeAt(0))).toEqual([
    0, 119, 0, 1, 1, 1, 0xc0, 0x40, 0x7f,
  ]);
});

test.each(hostile.map(({ name, bytes }) => [name, bytes] as const))("%s is refused", (_, bytes) => {
  expect(() => read(bytes)).toThrow(RecurveError);
});

test.each(["gru-words", "partitioned", "bidirectional-2017", "sharded"])(
  "the entries of %s, damaged and sealed again, give an answer or a RecurveError",
  (name) => {
    const bytes = fixture(`${name}.index`);
    for (const one of damaged(firstBlock(bytes), 150)) {
      try {
        modelFromTf1(decodeTf1(table([{ bytes: [...one] }]), shardsOf(name), name));
      } catch (error) {
        if (!(error instanceof RecurveError)) throw error;
        expect(error.message.length).toBeLessThan(900);
      }
    }
  },
);

/** The only data block: it ends where the next one begins, behind its type and checksum. */
function firstBlock(index: Uint8Array): Uint8Array {
  const footer = index.subarray(index.length - 48);
  // The handle of the metaindex: where that block is, 128 and above in two bytes.
  const next = footer[0] < 128 ? footer[0] : footer[0] - 128 + 128 * footer[1];
  return index.subarray(0, next - 5);
}
