/**
 * Blocks of numbers within larger arrays, described and not copied: where they begin and how far rows and columns lie
 * apart. Moving one from array to array is one pass, whichever of the two is transposed and wherever in a file it lies.
 */

/** float32 numbers in bytes that may begin anywhere, as those of files do; in the byte order of this machine. */
export class RawFloats {
  readonly bytes: Uint8Array;
  readonly length: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.length = bytes.length / 4;
  }

  /** A part of them, not copied. */
  subarray(start: number, end: number): RawFloats {
    return new RawFloats(this.bytes.subarray(4 * start, 4 * end));
  }

  /** Writes them over as many numbers. */
  copyTo(target: Float32Array): void {
    new Uint8Array(target.buffer, target.byteOffset, target.byteLength).set(this.bytes);
  }
}

/** Numbers that can be moved. */
export type Numbers = ArrayLike<number> | RawFloats;

/**
 * A block of `rows` times `columns`; element (r, c) lies at `start + r * rowStep + c * columnStep`. Rows or columns lie
 * together: one of the two steps is 1.
 */
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

/** Writes the changed numbers of one block over, or (`sum`) onto, those of another of the same size. */
export function moveGrid(from: Grid<Numbers>, to: Grid<Float32Array>, change: Change, sum = false): void {
  // Rows of the block are from here on what lies together in the source.
  const [source, target] = from.columnStep === 1 ? [from, to] : [turned(from), turned(to)];
  const { data, rows, columns } = source;
  if (isCopy(change, sum) && target.columnStep === 1 && isFloat32(data)) {
    for (let r = 0; r < rows; r++) {
      const to = target.start + r * target.rowStep;
      copyLine(data, source.start + r * source.rowStep, target.data.subarray(to, to + columns));
    }
    return;
  }
  const put = { data: target.data, lineStep: target.rowStep, step: target.columnStep, change, sum };
  const size = Math.min(tileRows, rows) * Math.min(tileColumns, columns);
  // Numbers that are not float32 stay as exact as they are.
  const space = isFloat32(data) ? new Float32Array(size) : new Float64Array(size);
  for (let top = 0; top < rows; top += tileRows) {
    const height = Math.min(tileRows, rows - top);
    for (let left = 0; left < columns; left += tileColumns) {
      const width = Math.min(tileColumns, columns - left);
      const tile = { data: space, height, width };
      takeTile(tile, data, source.start + top * source.rowStep + left, source.rowStep);
      putTile(tile, { ...put, start: target.start + top * target.rowStep + left * target.columnStep });
    }
  }
}

/**
 * Blocks move through tiles that stay in cache. Not a power of two: the columns of a tile would otherwise fall into a
 * single set of the cache.
 */
const [tileRows, tileColumns] = [64, 1040];
/** Columns that are moved together: a line of the cache. */
const together = 16;

interface Tile {
  /** Its numbers, row by row, at the beginning. */
  readonly data: Float32Array | Float64Array;
  readonly height: number;
  readonly width: number;
}

/** Fills a tile with rows that lie `rowStep` apart. */
function takeTile({ data: tile, height, width }: Tile, data: Numbers, start: number, rowStep: number): void {
  for (let r = 0; r < height; r++) {
    const at = start + r * rowStep;
    if (isFloat32(data) && tile instanceof Float32Array) copyLine(data, at, tile.subarray(r * width, (r + 1) * width));
    else if (!isFloat32(data)) for (let c = 0; c < width; c++) tile[r * width + c] = data[at + c];
  }
}

function isFloat32(data: Numbers): data is Float32Array | RawFloats {
  return data instanceof Float32Array || data instanceof RawFloats;
}

/** Fills the target with the numbers that begin at `start`. */
function copyLine(data: Float32Array | RawFloats, start: number, target: Float32Array): void {
  const line = data.subarray(start, start + target.length);
  if (line instanceof RawFloats) line.copyTo(target);
  else target.set(line);
}

/** Whether numbers stay what they are. 1 * x + 0 would lose the sign of zero. */
function isCopy({ sign, added }: Change, sum: boolean): boolean {
  return sign === 1 && added === 0 && !sum;
}

interface Put {
  readonly data: Float32Array;
  readonly start: number;
  /** How far the rows of a tile come to lie apart, and the numbers of a row. */
  readonly lineStep: number;
  readonly step: number;
  readonly change: Change;
  readonly sum: boolean;
}

function putTile({ data, height, width }: Tile, put: Put): void {
  const { data: target, start, lineStep, step, sum } = put;
  const { sign, added } = put.change;
  const copies = isCopy(put.change, sum);
  for (let left = 0; left < width; left += together) {
    const right = Math.min(width, left + together);
    for (let c = left; c < right; c++) {
      let to = start + c * step;
      for (let at = c; at < height * width; at += width, to += lineStep) {
        const value = copies ? data[at] : sign * data[at] + added;
        target[to] = sum ? target[to] + value : value;
      }
    }
  }
}

function turned<Data>({ rows, columns, rowStep, columnStep, ...rest }: Grid<Data>): Grid<Data> {
  return { ...rest, rows: columns, columns: rows, rowStep: columnStep, columnStep: rowStep };
}

/** Whether all numbers of a block, changed, are zero. */
export function isZero(
  { data, start, rows, columns, rowStep, columnStep }: Grid<Numbers>,
  { sign, added }: Change,
): boolean {
  const numbers = data instanceof RawFloats ? new Float32Array(data.bytes.slice().buffer) : data;
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      if (sign * numbers[start + r * rowStep + c * columnStep] + added !== 0) return false;
    }
  }
  return true;
}
