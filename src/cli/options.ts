/** Parsers of option values, and the checked options that each command gets. Not the help texts: those are in `program.ts`. */
import { InvalidArgumentError } from "commander";
import type { LoadOptions } from "../io/formats.ts";

/** Options of `train` after parsing; undefined where neither given nor defaulted. */
export interface TrainOptions {
  readonly units: number;
  readonly layers: number;
  readonly cell: string;
  readonly embedding: number;
  readonly dropout: number;
  readonly seq: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly minutes?: number;
  readonly epochs?: number;
  readonly steps?: number;
  readonly seed: number;
  readonly heldOut: number;
  readonly minCount: number;
  readonly extensions?: readonly string[];
  readonly out: string;
  readonly checkpointEvery: number;
  readonly resume?: string;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

export interface GenerateOptions {
  readonly seedText?: string;
  readonly length: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly seed?: number;
  readonly cell?: string;
  readonly json?: boolean;
}

export interface InspectOptions {
  readonly cell?: string;
  readonly json?: boolean;
}

export interface RunOptions {
  readonly inputs: string;
  readonly outputs: string;
  readonly stateIn?: string;
  readonly stateOut?: string;
  readonly cell?: string;
  readonly json?: boolean;
}

export interface ConvertOptions {
  readonly to?: string;
  readonly like?: string;
  /** What the names of weights do not tell. */
  readonly assume?: LoadOptions["assume"];
  /** False with --no-state. */
  readonly state: boolean;
  readonly cell?: string;
  readonly json?: boolean;
}

export interface DiffOptions {
  /** Drawn if not given. */
  readonly inputs?: string;
  readonly tolerance: number;
  readonly cell?: string;
  readonly json?: boolean;
}

export interface DemoOptions {
  readonly minutes: number;
  readonly out: string;
  readonly seed: number;
  readonly json?: boolean;
}

/** A parser of whole numbers from `least` on. */
export function wholeFrom(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${least} on.`);
  };
}

/** A parser of numbers in a range; `above` and `below` are excluded, `least` is included. */
export function numberIn(range: {
  least?: number;
  above?: number;
  below?: number;
  most?: number;
}): (text: string) => number {
  const {
    least = Number.NEGATIVE_INFINITY,
    above = Number.NEGATIVE_INFINITY,
    below = Number.POSITIVE_INFINITY,
    most = Number.MAX_VALUE,
  } = range;
  const words = [
    ...(range.least === undefined ? [] : [`from ${least} on`]),
    ...(range.above === undefined ? [] : [`above ${above}`]),
    ...(range.below === undefined ? [] : [`below ${below}`]),
    ...(range.most === undefined ? [] : [`up to ${most}`]),
  ];
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && value >= least && value > above && value < below && value <= most) return value;
    throw new InvalidArgumentError(`Expected a number ${words.join(" and ")}.`);
  };
}

/** An option that is an object of JSON. */
export function jsonObject(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new InvalidArgumentError(`Expected an object of JSON, such as '{ "output": "last" }'.`);
}

/** `.ts,md` -> [".ts", ".md"] */
export function extensionList(text: string): string[] {
  const extensions = text.split(",").map((part) =>
    part
      .trim()
      .toLowerCase()
      .replace(/^(?!\.)/, "."),
  );
  if (extensions.every((extension) => /^\.\w+$/.test(extension))) return extensions;
  throw new InvalidArgumentError("Expected extensions such as .ts,.md.");
}
