/** Laws of the allocator: ranges in use never overlap, and released memory is used again. */
import { expect, test } from "vitest";
import { Allocator, alignment } from "../../src/runtime/allocator.ts";

test.each([1, 2, 3, 4, 5])("ranges of random allocations and releases do not overlap, seed %i", (seed) => {
  let state = seed;
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const allocator = new Allocator(65536);
  const used = new Map<number, number>();
  for (let i = 0; i < 2000; i++) {
    if (random(2) === 0 && used.size > 0) {
      const address = [...used.keys()][random(used.size)];
      used.delete(address);
      allocator.release(address);
      continue;
    }
    const bytes = random(4) === 0 ? random(100000) : random(300);
    let address = allocator.allocate(bytes);
    if (address === undefined) {
      allocator.extend(allocator.end + allocator.missing(bytes));
      address = allocator.allocate(bytes);
    }
    expect(address).toBeDefined();
    used.set(address as number, Math.max(1, bytes));
  }
  const ranges = [...used].sort(([a], [b]) => a - b);
  ranges.forEach(([address, bytes], i) => {
    expect(address % alignment).toBe(0);
    expect(address + bytes).toBeLessThanOrEqual(ranges[i + 1]?.[0] ?? allocator.end);
  });
  for (const address of used.keys()) allocator.release(address);
  // Everything has merged again: one range takes all.
  expect(allocator.used).toBe(0);
  expect(allocator.allocate(allocator.end - 65536)).toBe(65536);
});

test("the smallest range that is long enough is taken", () => {
  const allocator = new Allocator(0);
  allocator.extend(10 * alignment);
  const [large, wall, small] = [4, 1, 2].map((units) => allocator.allocate(units * alignment) as number);
  allocator.allocate(3 * alignment);
  allocator.release(large);
  allocator.release(small);
  expect(allocator.allocate(2 * alignment)).toBe(small);
  expect(allocator.allocate(3 * alignment)).toBe(large);
  expect(wall).toBe(4 * alignment);
});

test("releasing twice is our own bug", () => {
  const allocator = new Allocator(0);
  allocator.extend(alignment);
  const address = allocator.allocate(1) as number;
  allocator.release(address);
  expect(() => allocator.release(address)).toThrow("internal: memory is released that is not in use");
});
