/** Blocks of numbers that move between arrays: every way of moving gives what an element-by-element loop gives. */
import { expect, test } from "vitest";
import {
  type Change,
  type Grid,
  isZero,
  moveGrid,
  type Numbers,
  RawFloats,
} from "../../src/nn/weights/layouts/grid.ts";

/** Bytes that begin at an odd address, as tensors in files of ONNX do. */
function raw(numbers: Float32Array): RawFloats {
  const bytes = new Uint8Array(numbers.byteLength + 1).subarray(1);
  bytes.set(new Uint8Array(numbers.buffer));
  return new RawFloats(bytes);
}

const kinds: Readonly<Record<string, (numbers: Float32Array) => Numbers>> = {
  Float32Array: (numbers) => numbers,
  RawFloats: raw,
  "numbers of twice the precision": (numbers) => Array.from(numbers, (x) => x + 1e-9),
};

const changes: readonly (readonly [Change, sum: boolean])[] = [
  [{ sign: 1, added: 0 }, false],
  [{ sign: -1, added: 0 }, false],
  [{ sign: 1, added: -1 }, false],
  [{ sign: 0, added: 0 }, false],
  [{ sign: 1, added: 0 }, true],
];

/** Around the sizes of tiles and of lines of the cache. */
const sizes = [
  [1, 1],
  [3, 17],
  [64, 16],
  [65, 33],
  [5, 1041],
  [130, 1050],
];

const number = (data: Numbers, i: number): number =>
  data instanceof RawFloats ? new DataView(data.bytes.buffer).getFloat32(data.bytes.byteOffset + 4 * i, true) : data[i];

function expected(from: Grid<Numbers>, to: Grid<Float32Array>, { sign, added }: Change, sum: boolean): Float32Array {
  const out = to.data.slice();
  for (let r = 0; r < from.rows; r++) {
    for (let c = 0; c < from.columns; c++) {
      const x = number(from.data, from.start + r * from.rowStep + c * from.columnStep);
      const at = to.start + r * to.rowStep + c * to.columnStep;
      const value = sign === 1 && added === 0 ? x : sign * x + added;
      out[at] = sum ? out[at] + value : value;
    }
  }
  return out;
}

for (const [kind, make] of Object.entries(kinds)) {
  test(`${kind}: in order and transposed, changed and added, at the edges of tiles`, () => {
    for (const [rows, columns] of sizes) {
      const numbers = Float32Array.from({ length: 2 + rows * columns }, (_, i) => (i % 7 === 0 ? -0 : Math.sin(i)));
      const data = make(numbers);
      for (const [change, sum] of changes) {
        for (const [fromTurned, toTurned] of [
          [0, 0],
          [0, 1],
          [1, 0],
          [1, 1],
        ]) {
          // biome-ignore format: one line shows all
          const steps = (turned: number) =>
            turned === 1 ? { rowStep: 1, columnStep: rows } : { rowStep: columns, columnStep: 1 };
          const from = { data, start: 2, rows, columns, ...steps(fromTurned) };
          const target = Float32Array.from({ length: 3 + rows * columns }, (_, i) => i);
          const to = { data: target, start: 3, rows, columns, ...steps(toTurned) };
          const wanted = expected(from, to, change, sum);
          moveGrid(from, to, change, sum);
          // Bits, so that -0 and 0 differ.
          expect(Buffer.from(target.buffer).equals(Buffer.from(wanted.buffer)), `${rows} x ${columns}`).toBe(true);
        }
      }
    }
  });
}

test("a block of zeros is one wherever it lies", () => {
  const block = { start: 1, rows: 2, columns: 2, rowStep: 2, columnStep: 1 };
  const same = { sign: 1, added: 0 } as const;
  expect(isZero({ ...block, data: raw(Float32Array.of(9, 0, 0, 0, -0, 9)) }, same)).toBe(true);
  expect(isZero({ ...block, data: raw(Float32Array.of(9, 0, 0, 0, 1, 9)) }, same)).toBe(false);
});
