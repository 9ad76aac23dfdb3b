/**
 * Windows that slide over the axes of a tensor, for convolution and pooling: how many there are, what is padded, and
 * the parts of a tensor that each place of a window sees. Sizes may be free.
 */
import { addDims, type Dim, floorDivideDim, isSymbolic, multiplyDims, subtractDims } from "../../base/dims.ts";
import { pad, reshape, slice, type Tensor } from "../../trace/index.ts";

/**
 * What is added around an axis. "valid": nothing. "same": zeros on both sides, the odd one at the end, so that there
 * are ceil(size / stride) windows. "causal": zeros before, so that a window sees nothing after its own step.
 */
export type Padding = "valid" | "same" | "causal";

/** How a window slides over one axis. */
export interface Window {
  /** The number of places of the window. */
  readonly size: number;
  readonly stride: number;
  /** How far apart the places are; 1 = side by side. */
  readonly dilation: number;
  readonly padding: Padding;
}

/** From its first place to its last, counted in steps of the axis. */
export function reach({ size, dilation }: Window): number {
  return (size - 1) * dilation + 1;
}

/** The number of windows over an axis; undefined if a size that is known is too small for one. */
export function countWindows(size: Dim, window: Window): Dim | undefined {
  const { stride, padding } = window;
  if (padding !== "valid") return floorDivideDim(addDims(size, stride - 1), stride);
  const count = floorDivideDim(addDims(size, stride - reach(window)), stride);
  return isSymbolic(count) || count > 0 ? count : undefined;
}

/** What is added before and after an axis. */
function paddingOf(size: Dim, window: Window): readonly [Dim, Dim] {
  const { stride, padding } = window;
  if (padding === "valid") return [0, 0];
  if (padding === "causal") return [reach(window) - 1, 0];
  const count = countWindows(size, window) as Dim;
  const missing = addDims(multiplyDims(addDims(count, -1), stride), reach(window), multiplyDims(-1, size));
  const total = reach(window) >= stride ? missing : positivePart(missing, stride);
  const before = floorDivideDim(total, 2);
  return [before, subtractDims(total, before)];
}

/** max(x, 0) of an x of at least -limit, as a polynomial: floor((x + limit) / limit) is 0 below 0 and 1 for x < limit. */
function positivePart(x: Dim, limit: number): Dim {
  return multiplyDims(x, floorDivideDim(addDims(x, limit), limit));
}

/**
 * For each place of the window (the last axis fastest) what it sees of x [b, ...spatial, ...rest]: each
 * [b, ...windows, ...rest]. What is outside of x is `value`.
 */
export function placesOf(x: Tensor, windows: readonly Window[], value = 0): Tensor[] {
  const pads = windows.map((window, i) => paddingOf(x.shape[i + 1], window));
  const outside = x.shape.map((_, axis) => pads[axis - 1] ?? ([0, 0] as const));
  const padded = pads.flat().every((width) => width === 0) ? x : pad(x, outside, value);
  let places = [padded];
  windows.forEach((window, i) => {
    const count = countWindows(x.shape[i + 1], window) as Dim;
    const last = multiplyDims(addDims(count, -1), window.stride);
    places = places.flatMap((part) =>
      Array.from({ length: window.size }, (_, place) => {
        const start = place * window.dilation;
        return slice(part, i + 1, start, addDims(last, start + 1), window.stride);
      }),
    );
  });
  return places;
}

/** Windows that lie side by side, as axes of their own: [b, windows, size, ...rest], with the axes that hold the sizes. */
export interface Tiles {
  readonly tiles: Tensor;
  readonly axes: readonly number[];
}

/** x [b, ...spatial, ...rest] cut into its windows; undefined where these overlap, leave gaps or reach beyond x. */
export function tilesOf(x: Tensor, windows: readonly Window[]): Tiles | undefined {
  const sideBySide = ({ size, stride, dilation, padding }: Window): boolean =>
    size === stride && dilation === 1 && padding === "valid";
  if (!windows.every(sideBySide)) return undefined;
  const counts = windows.map((window, i) => countWindows(x.shape[i + 1], window) as Dim);
  const whole = windows.reduce((part, { size }, i) => slice(part, i + 1, 0, multiplyDims(counts[i], size)), x);
  const split = windows.flatMap(({ size }, i) => [counts[i], size]);
  const tiles = reshape(whole, [x.shape[0], ...split, ...x.shape.slice(windows.length + 1)]);
  return { tiles, axes: windows.map((_, i) => 2 * i + 2) };
}
