/**
 * Blocks of numbers within larger arrays, described and not copied: where they begin and how far rows and columns lie
 * apart. Moving one from array to array is one pass, whichever of the two is transposed.
 */

/** A block of `rows` times `columns`; element (r, c) lies at `start + r * rowStep + c * columnStep`. */
export interface Grid<Data> {
  readonly data: Data;
  readonly start: number;
  readonly rows: number;
  readonly columns: number;
  readonly rowStep: number;
  readonly columnStep: number;
}

/** What is done to each number on its way: `sign * x + added`. */
export interface Change {
  readonly sign: 1 | -1 | 0;
  readonly added: number;
}

/** Side of the squares in which blocks are moved: the rows of one and the columns of the other then both stay in cache. */
const side = 32;

/** Writes the changed numbers of one block over, or (`sum`) onto, those of another of the same size. */
export function moveGrid(from: Grid<ArrayLike<number>>, to: Grid<Float32Array>, change: Change, sum = false): void {
  if (change.sign === 1 && change.added === 0 && !sum && from.data instanceof Float32Array && isInRows(from, to)) {
    for (let r = 0; r < from.rows; r++) {
      const start = from.start + r * from.rowStep;
      to.data.set(from.data.subarray(start, start + from.columns), to.start + r * to.rowStep);
    }
    return;
  }
  for (let top = 0; top < from.rows; top += side) {
    for (let left = 0; left < from.columns; left += side) moveSquare(from, to, top, left, change, sum);
  }
}

function isInRows(from: Grid<unknown>, to: Grid<unknown>): boolean {
  return from.columnStep === 1 && to.columnStep === 1;
}

function moveSquare(
  { data: source, start, rows, columns, rowStep, columnStep }: Grid<ArrayLike<number>>,
  { data: target, ...to }: Grid<Float32Array>,
  top: number,
  left: number,
  { sign, added }: Change,
  sum: boolean,
): void {
  const bottom = Math.min(rows, top + side);
  const right = Math.min(columns, left + side);
  for (let r = top; r < bottom; r++) {
    let at = start + r * rowStep + left * columnStep;
    let put = to.start + r * to.rowStep + left * to.columnStep;
    for (let c = left; c < right; c++) {
      const value = sign * source[at] + added;
      target[put] = sum ? target[put] + value : value;
      at += columnStep;
      put += to.columnStep;
    }
  }
}

/** Whether all numbers of a block, changed, are zero. */
export function isZero(
  { data, start, rows, columns, rowStep, columnStep }: Grid<ArrayLike<number>>,
  { sign, added }: Change,
): boolean {
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      if (sign * data[start + r * rowStep + c * columnStep] + added !== 0) return false;
    }
  }
  return true;
}
