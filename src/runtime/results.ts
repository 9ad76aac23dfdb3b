/**
 * Host arrays for results. One of its own costs JavaScript more than a step of a small stream, so that short results
 * lie one after another in blocks, as views: `isLent` tells which, and who hands one out makes a copy.
 */
import { bytesPerElement, type HostArray } from "../base/dtypes.ts";

/** A result of so many bytes or fewer is a view of a block. */
const shortBytes = 1024;
const blockBytes = 16384;

/** Whether an array may be a view of a block, beside which others lie. */
export function isLent(result: HostArray): boolean {
  return result.length * bytesPerElement <= shortBytes;
}

/** A call of `set` takes longer than so many elements. */
export const fewElements = 32;

let block = new ArrayBuffer(0);
let used = 0;

/** A copy of the elements `from` to `to` of the memory of programs. */
export function copyOut(memory: Float32Array | Int32Array, from: number, to: number): HostArray {
  const bytes = (to - from) * bytesPerElement;
  // Also of a shared memory this makes an array that nothing shares.
  if (bytes > shortBytes) return memory.slice(from, to);
  if (used + bytes > block.byteLength) {
    block = new ArrayBuffer(blockBytes);
    used = 0;
  }
  const result =
    memory instanceof Float32Array ? new Float32Array(block, used, to - from) : new Int32Array(block, used, to - from);
  used += bytes;
  if (to - from > fewElements) result.set(memory.subarray(from, to));
  else for (let i = from; i < to; i++) result[i - from] = memory[i];
  return result;
}
