/** Laws of the data layouts: what continues what, and that every element is used once. */
import { describe, expect, test } from "vitest";
import { OptionError, ShapeError } from "../../src/base/errors.ts";
import { type Tensor, tensor } from "../../src/trace/index.ts";
import { batches } from "../../src/train/data.ts";
import { lanes } from "../../src/train/lanes.ts";

const ids = (n: number): Int32Array => Int32Array.from({ length: n }, (_, i) => i);
const rowsOf = (x: unknown): number[][] => (x as Tensor).toArray() as number[][];

describe("lanes", () => {
  const data = lanes(ids(103), { lanes: 4, steps: 6 });
  const all = Array.from({ length: data.batchesPerEpoch }, (_, index) => data.batch(0, index));

  test("row i of each batch continues row i of the batch before", () => {
    for (let k = 1; k < all.length; k++) {
      const [before, now] = [rowsOf(all[k - 1].x), rowsOf(all[k].x)];
      for (let i = 0; i < 4; i++) expect(now[i][0]).toBe(before[i][5] + 1);
    }
  });

  test("every element but the dropped ones is used once: 102 targets, 4 lanes of 24, 6 dropped", () => {
    const used = all.flatMap(({ x }) => rowsOf(x).flat()).sort((a, b) => a - b);
    expect(used).toEqual([...ids(96)]);
    expect([data.batchesPerEpoch, data.laneLength, data.dropped]).toEqual([4, 24, 6]);
  });

  test("the target is the next element, across the edges of windows", () => {
    for (const { x, y } of all) expect(rowsOf(y)).toEqual(rowsOf(x).map((row) => row.map((id) => id + 1)));
  });

  test("a stream of rows is laid out as [lanes, steps, d], and given targets are not shifted", () => {
    const rows = tensor(
      Float32Array.from({ length: 40 }, (_, i) => i),
      { shape: [20, 2] },
    );
    const one = lanes(rows, { lanes: 2, steps: 5, targets: ids(20) });
    expect((one.batch(0, 0).x as Tensor).shape).toEqual([2, 5, 2]);
    expect(rowsOf(one.batch(0, 1).y)).toEqual([
      [5, 6, 7, 8, 9],
      [15, 16, 17, 18, 19],
    ]);
    expect(one.dropped).toBe(0);
  });

  test("shuffling, too short streams and targets of another length are refused", () => {
    expect(() => lanes(ids(50), { lanes: 2, steps: 5, shuffle: true as never })).toThrow(OptionError);
    expect(() => lanes(ids(50), { lanes: 10, steps: 5 })).toThrow(OptionError);
    expect(lanes(ids(51), { lanes: 10, steps: 5 }).batchesPerEpoch).toBe(1);
    expect(() => lanes(ids(50), { lanes: 2, steps: 5, targets: ids(49) })).toThrow(ShapeError);
  });
});

describe("batches", () => {
  const x = tensor(ids(10));
  const orderOf = (data: ReturnType<typeof batches>, epoch: number): number[] =>
    Array.from({ length: data.batchesPerEpoch }, (_, i) => [...(data.batch(epoch, i).x as Tensor).data()]).flat();

  test("keep the last smaller batch, and inputs, targets and weights together", () => {
    const data = batches({ a: x, b: [x] }, x, {
      batchSize: 4,
      seed: 3,
      sampleWeights: tensor(Float32Array.from(ids(10))),
    });
    expect(data.batchesPerEpoch).toBe(3);
    const last = data.batch(0, 2);
    const { a, b } = last.x as { a: Tensor; b: [Tensor] };
    expect(a.shape).toEqual([2]);
    expect([...b[0].data()]).toEqual([...a.data()]);
    expect([...(last.y as Tensor).data()]).toEqual([...a.data()]);
    expect([...(last.sampleWeights as Tensor).data()]).toEqual([...a.data()]);
  });

  test("are a permutation for each epoch and seed, shuffled by default, the same whenever asked", () => {
    const data = batches(x, x, { batchSize: 3 });
    const [first, second] = [orderOf(data, 0), orderOf(data, 1)];
    expect([...first].sort((a, b) => a - b)).toEqual([...ids(10)]);
    expect([...second].sort((a, b) => a - b)).toEqual([...ids(10)]);
    expect(first).not.toEqual(second);
    expect(first).not.toEqual([...ids(10)]);
    expect(orderOf(data, 0)).toEqual(first);
    expect(orderOf(batches(x, x, { batchSize: 5 }), 0)).toEqual(first);
    expect(orderOf(batches(x, x, { batchSize: 3, seed: 1 }), 0)).not.toEqual(first);
    expect(orderOf(batches(x, x, { shuffle: false }), 7)).toEqual([...ids(10)]);
  });

  test("that carry state keep their order, drop an uneven rest, and refuse to be shuffled", () => {
    const data = batches(x, x, { batchSize: 4, carriesState: true });
    expect(orderOf(data, 5)).toEqual([...ids(8)]);
    expect(data.dropped).toBe(2);
    expect(() => batches(x, x, { carriesState: true, shuffle: true })).toThrow(OptionError);
  });

  test("of unequal lengths, or with unknown options, are refused", () => {
    expect(() => batches(x, tensor(ids(9)))).toThrow(ShapeError);
    expect(() => batches(x, x, { batchsize: 2 } as never)).toThrow(OptionError);
    expect(() => batches(x, x, { batchSize: 2.5 })).toThrow(OptionError);
  });
});
