/**
 * Progress as text. `progressLine` is a pure function from a state to one line; `progressReporter` decides when a line
 * is written and where: over itself on a terminal, a plain line now and then elsewhere. Not here: colours, `Writable`.
 */

/** Where text goes; a Node stream such as `process.stderr` fits. */
export interface TextWriter {
  write(text: string): unknown;
  readonly columns?: number;
  readonly isTTY?: boolean;
}

/** What a line of progress shows. */
export interface ProgressState {
  /** From 1. */
  readonly epoch: number;
  /** Undefined where time or steps end the training. */
  readonly epochs?: number;
  /** Batches done in this epoch. */
  readonly done: number;
  readonly total: number;
  /** Of this epoch's training steps, in milliseconds; of this run only. */
  readonly elapsed: number;
  /** Steps to which `elapsed` belongs, where not all of `done` were made in this run. */
  readonly timed?: number;
  /** Running means, in the order shown. */
  readonly values: Readonly<Record<string, number>>;
  /** The epoch is over; validation is among the values. */
  readonly finished?: boolean;
}

const barWidth = 20;

/** `epoch 2/10  [======>.............]  30/100  loss 1.2345  12.3 ms/step  ETA 0:08`, cut to `columns`. */
export function progressLine(state: ProgressState, columns = 120): string {
  const { done, total, elapsed, finished = false } = state;
  const perStep = elapsed / Math.max(1, state.timed ?? done);
  const parts = [
    `epoch ${state.epoch}${state.epochs === undefined ? "" : `/${state.epochs}`}`,
    `[${bar(total === 0 ? 1 : done / total)}]`,
    `${String(done).padStart(String(total).length)}/${total}`,
    ...Object.entries(state.values).map(([name, value]) => `${name} ${formatNumber(value)}`),
    `${formatMilliseconds(perStep)}/step`,
    finished ? formatDuration(elapsed) : `ETA ${formatDuration(perStep * (total - done))}`,
  ];
  const line = parts.join("  ");
  return line.length <= columns ? line : `${line.slice(0, Math.max(0, columns - 1))}…`;
}

/** `3:05`, `1:02:03`. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (n: number): string => String(n).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Four digits after the point for usual sizes, an exponent for tiny and huge ones. */
export function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return String(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
  return value.toFixed(size >= 1000 ? 1 : 4);
}

/** Tells a writer about states as they come. The last line of an epoch is reported without asking whether it is due. */
export interface ProgressReporter {
  /** Whether a line would be written now; the state need not be made otherwise. */
  due(done: number, total: number): boolean;
  report(state: ProgressState): void;
  /** Ends a line that is still being redrawn, so that what follows does not begin in its middle. */
  close(): void;
}

/** On a terminal the line is redrawn at most ten times a second; elsewhere a line is written for each tenth of an epoch or every five seconds, whichever comes later. */
export function progressReporter(writer: TextWriter, now: () => number = () => performance.now()): ProgressReporter {
  const redraws = writer.isTTY === true;
  let last = Number.NEGATIVE_INFINITY;
  let tenth = 0;
  let open = false;
  return {
    due: (done, total) => {
      if (redraws) return now() - last >= 100;
      if (done <= 1) [tenth, last] = [0, now()];
      return done < total && Math.floor((done * 10) / total) > tenth && now() - last >= 5000;
    },
    report: (state) => {
      last = now();
      tenth = Math.floor((state.done * 10) / state.total);
      const line = progressLine(state, redraws ? (writer.columns ?? 80) - 1 : 160);
      if (!redraws) writer.write(`${line}\n`);
      // Back to the first column, the line, and the rest of the old line erased.
      else writer.write(`\r${line}\u001b[K${state.finished ? "\n" : ""}`);
      open = redraws && state.finished !== true;
    },
    close: () => {
      if (open) writer.write("\n");
      open = false;
    },
  };
}

function bar(share: number): string {
  const full = Math.min(barWidth, Math.floor(share * barWidth));
  return full === barWidth ? "=".repeat(barWidth) : `${"=".repeat(full)}>`.padEnd(barWidth, ".");
}

function formatMilliseconds(milliseconds: number): string {
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${milliseconds.toFixed(milliseconds >= 100 ? 0 : milliseconds >= 10 ? 1 : 2)} ms`;
}
