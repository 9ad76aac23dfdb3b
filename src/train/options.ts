/** The rules of options that only training has; the others and the reader of options are those of layers (nn). */
import { OptionError } from "../base/errors.ts";
import { finiteNumber, type OptionRule, show, unknownName } from "../nn/options.ts";

/** A finite number above 0. */
export function positive(fallback?: number): OptionRule<number> {
  const fits = (value: unknown): boolean => Number.isFinite(value) && (value as number) > 0;
  return { fallback, expected: (value) => (fits(value) ? undefined : "a positive number") };
}

/** A number from 0 to 1. */
export function share(fallback?: number): OptionRule<number> {
  const fits = (value: unknown): boolean => Number.isFinite(value) && (value as number) >= 0 && (value as number) <= 1;
  return { fallback, expected: (value) => (fits(value) ? undefined : "a number from 0 to 1") };
}

/** A learning rate: a number of at least 0, or a schedule. */
export function rate<S extends object>(fallback?: number): OptionRule<number | S> {
  const expected = (value: unknown): string | undefined => {
    const fits = typeof value === "object" && value !== null && "at" in value;
    return fits || finiteNumber(undefined, 0).expected(value) === undefined
      ? undefined
      : "a number of at least 0 or a schedule";
  };
  return { fallback, expected };
}

/** One value under the rule of an option, where options are not read together. */
export function expectOption<T>(where: string, name: string, value: unknown, rule: OptionRule<T>): T {
  const expected = rule.expected(value);
  if (expected === undefined) return value as T;
  throw new OptionError(`${where}: expected "${name}" to be ${expected}, got ${show(value)}. Give such a value.`, {
    option: name,
    value,
  });
}

/** The entry of a closed table, or the error that names the nearest one. */
export function named<T>(where: string, what: string, table: Readonly<Record<string, T>>, name: unknown): T {
  if (typeof name === "string" && Object.hasOwn(table, name)) return table[name];
  const meant = typeof name === "string" && abbreviations[name.toLowerCase()];
  if (meant && Object.hasOwn(table, meant))
    throw new OptionError(`${where}: expected the ${what} by its whole name, got "${name}". Did you mean "${meant}"?`, {
      [what]: name,
    });
  if (typeof name === "string") throw unknownName(where, what, name, Object.keys(table));
  const advice = typeof name === "function" ? `Call the function that makes it, or give its name.` : "Give a name.";
  throw new OptionError(
    `${where}: expected the ${what} to be one of ${Object.keys(table).join(", ")}, got ${show(name)}. ${advice}`,
    { [what]: name },
  );
}

// As other libraries have them.
const abbreviations: Readonly<Record<string, string>> = Object.freeze({
  mse: "meanSquaredError",
  mae: "meanAbsoluteError",
  acc: "accuracy",
});
