/**
 * Shows a training to people. On a terminal one line is redrawn while samples and measurements scroll above it;
 * elsewhere (a log) a plain line is written now and then.
 */
import { formatDuration } from "../../train/index.ts";
import { groupDigits, lineWidth, padText, type Terminal, textWidth, wrapText } from "../terminal.ts";
import { yardstickTable } from "./resultTable.ts";
import type { TrainingProgress, TrainingResult, TrainingStart, Watcher } from "./watcher.ts";

/** A watcher for a terminal or a log. */
export function screenWatcher(terminal: Terminal): Watcher {
  const screen = new Screen(terminal);
  return {
    start: (start) => screen.start(start),
    progress: (progress) => screen.progress(progress),
    measured: ({ epoch, bitsPerCharacter }) => screen.measured(epoch, bitsPerCharacter),
    sample: ({ text, seconds, bitsPerCharacter }) => screen.sample(text, seconds, bitsPerCharacter),
    interrupted: ({ step, resume }) => screen.interrupted(step, resume),
    result: (result) => {
      const how =
        result.stopped === "done before"
          ? "Nothing was left to train"
          : `Trained ${groupDigits(result.step)} steps in ${formatDuration(result.seconds * 1000)}`;
      screen.line(`\n  ${how}. Bits per character on the held-out text:\n`);
      for (const line of yardstickTable(result, terminal)) screen.line(line);
      for (const line of adviceOn(result)) screen.line(line);
      screen.line(`\n  model       ${terminal.colors.bold(result.out)}\n  checkpoint  ${result.checkpoint}`);
    },
    close: () => screen.close(),
  };
}

/** A watcher that shows only the result. */
export function quietWatcher(terminal: Terminal): Watcher {
  const { result, interrupted } = screenWatcher(terminal);
  return { result, interrupted };
}

/** Seconds between lines where nothing can be redrawn. */
const logEvery = 10;

class Screen {
  readonly #terminal: Terminal;
  readonly #redraws: boolean;
  #shown = false;
  #last = Number.NEGATIVE_INFINITY;
  #lastMeasured = Number.NEGATIVE_INFINITY;
  #bound: TrainingStart["bounds"] = {};

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    this.#redraws = terminal.out.isTTY === true;
  }

  start({ corpus, model, parameters, bounds, batch, seq, resumedAt }: TrainingStart): void {
    this.#bound = bounds;
    const { files, skipped, trainingSymbols, heldOutSymbols, vocabulary } = corpus;
    const count = (n: number, word: string): string => `${groupDigits(n)} ${word}${n === 1 ? "" : "s"}`;
    this.#fact(
      "text",
      `${count(files.length, "file")}, ${count(trainingSymbols.length, "character")} to learn from${skipped.length > 0 ? ` (${count(skipped.length, "file")} skipped: not text)` : ""}`,
    );
    this.#fact("held out", `${count(heldOutSymbols.length, "character")} from the ends of the files, to measure with`);
    this.#fact("symbols", `${vocabulary.size - 1} characters, and one symbol for all rarer ones`);
    this.#fact("model", `${model}, ${count(parameters, "parameter")}`);
    this.#fact(
      "training",
      `${bounds.minutes === undefined ? "" : `${formatMinutes(bounds.minutes)}, `}${batch} places of the text side by side, ${seq} characters a step`,
    );
    if (resumedAt > 0) this.#fact("resumed", `after step ${groupDigits(resumedAt)}`);
    this.line("");
    // Compiling takes a moment, in which nothing else is seen.
    if (this.#redraws) this.#draw(this.#terminal.colors.dim("  compiling ..."));
  }

  progress(progress: TrainingProgress): void {
    const now = performance.now();
    const wait = this.#redraws ? 100 : logEvery * 1000;
    if (now - this.#last < wait && progress.share < 1) return;
    this.#last = now;
    if (this.#redraws) this.#draw(this.#liveLine(progress));
    else this.#write(`  ${this.#facts(progress).join("  ")}\n`);
  }

  sample(text: string, seconds: number, bits: number): void {
    const { colors, out } = this.#terminal;
    const head = `  ${formatDuration(seconds * 1000).padStart(5)}  ${bits.toFixed(2)} bits  `;
    const room = lineWidth(out) - textWidth(head) - 3;
    const oneLine = [
      ...text
        .trim()
        .replace(/\s*\n\s*/g, " ↵ ")
        .replace(/\s+/g, " "),
    ]
      .slice(0, Math.max(10, room))
      .join("");
    this.line(`${colors.dim(head)}${colors.cyan(oneLine)}`);
  }

  /** Short epochs would flood the screen: not every one is shown. */
  measured(epoch: number, bits: number): void {
    const now = performance.now();
    if (now - this.#lastMeasured < 5000) return;
    this.#lastMeasured = now;
    this.line(
      this.#terminal.colors.dim(`  after epoch ${epoch}: ${bits.toFixed(3)} bits per character on held-out text`),
    );
  }

  interrupted(step: number, resume: string): void {
    this.line(
      `\n  Stopped after step ${groupDigits(step)}; everything is saved. To go on:\n\n    ${this.#terminal.colors.bold(resume)}\n`,
    );
  }

  /** Writes a line above the one that is redrawn. */
  line(text: string): void {
    this.#erase();
    this.#write(`${text}\n`);
  }

  close(): void {
    this.#erase();
  }

  #liveLine(progress: TrainingProgress): string {
    const [first, ...facts] = this.#facts(progress);
    const room = lineWidth(this.#terminal.out) - textWidth([first, ...facts].join("  ")) - 8;
    const size = Math.max(8, Math.min(30, room));
    const full = Math.floor(progress.share * size);
    const { colors } = this.#terminal;
    return `  ${first}  ${colors.green("━".repeat(full))}${colors.dim("─".repeat(size - full))}  ${facts.join("  ")}`;
  }

  #facts({ step, epoch, seconds, share, bitsPerCharacter, charactersPerSecond }: TrainingProgress): string[] {
    const left = share > 0.005 ? (seconds / share) * (1 - share) : undefined;
    const rest = left === undefined ? "" : `${formatDuration(left * 1000)} left`;
    const place =
      this.#bound.epochs === undefined
        ? `step ${groupDigits(step)}`
        : `epoch ${Math.min(epoch, this.#bound.epochs)}/${this.#bound.epochs}`;
    return [
      formatDuration(seconds * 1000).padStart(5),
      `${bitsPerCharacter.toFixed(3)} bits/char`,
      place,
      `${groupDigits(Math.round(charactersPerSecond))} char/s`,
      rest,
    ];
  }

  #fact(name: string, text: string): void {
    const width = lineWidth(this.#terminal.out) - 12;
    const [first, ...more] = wrapText(text, width).split("\n");
    this.line(`  ${this.#terminal.colors.dim(padText(name, 9))} ${first}`);
    for (const rest of more) this.line(`${" ".repeat(12)}${rest}`);
  }

  #draw(text: string): void {
    this.#write(`\r${text}\u001b[K`);
    this.#shown = true;
  }

  #erase(): void {
    if (this.#shown) this.#write("\r\u001b[K");
    this.#shown = false;
  }

  #write(text: string): void {
    this.#terminal.out.write(text);
  }
}

/** What to do where the text is learned by heart: the held-out part was clearly predicted better some epochs ago. */
function adviceOn({ best, bitsPerCharacter }: TrainingResult): string[] {
  if (best === undefined || bitsPerCharacter < 1.03 * best.bitsPerCharacter) return [];
  return [
    `\n  It was better after epoch ${best.epoch}, at ${best.bitsPerCharacter.toFixed(3)}: since then it learns the text by heart.`,
    `  Give it more text, use --dropout 0.2, or stop it with --epochs ${best.epoch}.`,
  ];
}

function formatMinutes(minutes: number): string {
  if (minutes < 1) return `${Math.round(minutes * 60)} seconds`;
  const rounded = Math.round(minutes * 10) / 10;
  return `${rounded} minute${rounded === 1 ? "" : "s"}`;
}
