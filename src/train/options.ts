/** Checks of options that every constructor of this layer makes: unknown names and numbers out of range are refused. */
import { OptionError } from "../base/errors.ts";
import { unknownName } from "../nn/options.ts";

/** Refuses names that `where` does not know, instead of ignoring them. */
export function expectKnown(where: string, given: object, known: readonly string[]): void {
  for (const key of Object.keys(given)) if (!known.includes(key)) throw unknownName(where, "option", key, known);
}

/** The entry of a closed table, or the error that names the nearest one. */
export function named<T>(where: string, what: string, table: Readonly<Record<string, T>>, name: string): T {
  if (Object.hasOwn(table, name)) return table[name];
  throw unknownName(where, what, String(name), Object.keys(table));
}

export interface Range {
  readonly atLeast?: number;
  readonly above?: number;
  readonly atMost?: number;
  readonly below?: number;
  readonly whole?: boolean;
}

/** Refuses a value that is not a finite number within the range, and returns it. */
export function expectNumber(where: string, name: string, value: unknown, range: Range = {}): number {
  const { atLeast = -Infinity, above = -Infinity, atMost = Infinity, below = Infinity, whole = false } = range;
  const fits =
    typeof value === "number" &&
    Number.isFinite(value) &&
    value >= atLeast &&
    value > above &&
    value <= atMost &&
    value < below &&
    (!whole || Number.isInteger(value));
  if (fits) return value;
  const rule = describeRange(range);
  throw new OptionError(`${where}: expected "${name}" to be ${rule}, got ${String(value)}. Give ${rule}.`, {
    where,
    name,
    value,
  });
}

function describeRange({ atLeast, above, atMost, below, whole }: Range): string {
  const bounds = [
    above === undefined ? "" : `above ${above}`,
    atLeast === undefined ? "" : `of at least ${atLeast}`,
    below === undefined ? "" : `below ${below}`,
    atMost === undefined ? "" : `of at most ${atMost}`,
  ].filter((part) => part !== "");
  return [whole ? "a whole number" : "a number", bounds.join(" and ")].filter((part) => part !== "").join(" ");
}
