/**
 * Options of layers and cells: one rule an option, checked and completed once, at construction. What a rule does not
 * know is refused by name, so that no option is ever accepted and then ignored.
 */
import { OptionError } from "../base/errors.ts";
import { checkOptionNames, meantName, unknownName } from "../base/names.ts";
import { mapTree, type Tree } from "../base/trees.ts";
import { adviceFromElsewhere } from "./elsewhere.ts";

export { checkOptionNames, unknownName };

/** What a definition can hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** The options of a layer or cell in their serialised form. */
export type Options = Readonly<Record<string, Json>>;

/** One option: its default (none = required), and what is wrong with a value, as the words after "expected it to be". */
export interface OptionRule<T> {
  readonly fallback?: T;
  expected(value: unknown): string | undefined;
}

type Complete<R> = { readonly [K in keyof R]: R[K] extends OptionRule<infer T> ? T : never };

/** The options, completed with defaults and frozen. `where` begins the sentence of an error. */
export function readOptions<R extends Readonly<Record<string, OptionRule<unknown>>>>(
  where: string,
  given: object,
  rules: R,
): Complete<R> {
  refuseForeign(where, given, rules);
  checkOptionNames(where, given, Object.keys(rules));
  const entries = Object.entries(rules).map(([key, rule]) => {
    const value = (given as Record<string, unknown>)[key] ?? rule.fallback;
    const expected =
      value === undefined ? `given, ${rule.expected(value) ?? "it has no default"}` : rule.expected(value);
    // A copy, so that nothing the caller does to the object later reaches the layer.
    if (expected === undefined) return [key, mapTree(value as Tree<unknown>, (leaf) => leaf)];
    const advice = value === undefined ? `Add { ${key}: ... }.` : `Give "${key}" such a value.`;
    throw new OptionError(`${where}: expected the option "${key}" to be ${expected}, got ${show(value)}. ${advice}`, {
      option: key,
      value,
    });
  });
  return Object.freeze(Object.fromEntries(entries)) as Complete<R>;
}

/** Raises OptionError for an option that another library has, with what to do here. */
function refuseForeign(where: string, given: object, rules: object): void {
  for (const option of Object.keys(given)) {
    const advice = Object.hasOwn(rules, option) ? undefined : adviceFromElsewhere(option);
    if (advice === undefined) continue;
    throw new OptionError(`${where}: expected its own options, got "${option}". ${advice}`, { option });
  }
}

/** A whole number of at least `minimum`. */
export function wholeNumber(fallback?: number, minimum = 1): OptionRule<number> {
  const words = minimum === 1 ? "a positive whole number" : `a whole number of at least ${minimum}`;
  return {
    fallback,
    expected: (value) => (Number.isInteger(value) && (value as number) >= minimum ? undefined : words),
  };
}

/** A positive whole number, or "auto". */
export function wholeNumberOrAuto(): OptionRule<number | "auto"> {
  const number = wholeNumber();
  return {
    expected: (value) => (value === "auto" ? undefined : number.expected(value) && `a positive whole number or "auto"`),
  };
}

/** A finite number, within [minimum, below) where bounds are given. */
export function finiteNumber(
  fallback?: number,
  minimum = Number.NEGATIVE_INFINITY,
  below = Number.POSITIVE_INFINITY,
): OptionRule<number> {
  const words =
    below === Number.POSITIVE_INFINITY
      ? `a finite number${minimum > below * -1 ? ` of at least ${minimum}` : ""}`
      : `a number of at least ${minimum} and below ${below}`;
  const fits = (value: unknown): boolean =>
    Number.isFinite(value) && (value as number) >= minimum && (value as number) < below;
  return { fallback, expected: (value) => (fits(value) ? undefined : words) };
}

/** A finite number above zero. */
export function positiveNumber(fallback?: number): OptionRule<number> {
  const fits = (value: unknown): boolean => Number.isFinite(value) && (value as number) > 0;
  return { fallback, expected: (value) => (fits(value) ? undefined : "a finite number above 0") };
}

/** The same, or null, which is also the default and means "none". */
export function nullable<T>(rule: OptionRule<T>): OptionRule<T | null> {
  return {
    fallback: null,
    expected(value) {
      const expected = value === null ? undefined : rule.expected(value);
      return expected === undefined ? undefined : `${expected}, or null`;
    },
  };
}

/** true or false. */
export function flag(fallback: boolean): OptionRule<boolean> {
  return { fallback, expected: (value) => (typeof value === "boolean" ? undefined : "true or false") };
}

/** Any words. */
export function text(fallback?: string): OptionRule<string> {
  return { fallback, expected: (value) => (typeof value === "string" ? undefined : "a string") };
}

/** One of a few words. */
export function oneOf<W extends string>(words: readonly W[], fallback?: W): OptionRule<W> {
  return {
    fallback,
    expected: (value) =>
      words.includes(value as W) ? undefined : `one of ${words.map((word) => `"${word}"`).join(", ")}`,
  };
}

/** A name of a table, or such a name with options of its own: `"relu"`, `{ name: "leakyRelu", negativeSlope: 0.1 }`. */
export type Choice<N extends string> = N | { readonly name: N; readonly [option: string]: Json };

/** For each name of a table, the rules of its options. */
export type ChoiceRules = Readonly<Record<string, Readonly<Record<string, OptionRule<unknown>>>>>;

/** The rule of an option that takes a `Choice`. */
export function choice<R extends ChoiceRules>(
  what: string,
  rules: R,
  fallback?: Choice<keyof R & string>,
): OptionRule<Choice<keyof R & string>> {
  const known = Object.keys(rules);
  const one = `${/^[aeiou]/.test(what) ? "an" : "a"} ${what}`;
  return {
    fallback,
    expected(value) {
      const { name, ...given } =
        typeof value === "object" && value !== null ? (value as { name?: unknown }) : { name: value };
      if (typeof name !== "string") return `the name of ${one} (${known.join(", ")}) or { name, ...options }`;
      if (!Object.hasOwn(rules, name)) return `${one}: ${known.join(", ")}${nearestTo(name, known)}`;
      for (const [key, option] of Object.entries(given)) {
        if (!Object.hasOwn(rules[name], key))
          return `"${name}" with ${listed(Object.keys(rules[name]))} and not "${key}"`;
        const expected = rules[name][key].expected(option);
        if (expected !== undefined) return `"${name}" with "${key}" as ${expected}`;
      }
      return undefined;
    },
  };
}

/** A checked choice as its name and all of its options. */
export function readChoice<R extends ChoiceRules>(
  chosen: Choice<keyof R & string>,
  rules: R,
): { name: keyof R & string; options: Options } {
  const { name, ...given } = typeof chosen === "string" ? { name: chosen } : chosen;
  return { name, options: readOptions(name, given, rules[name]) as Options };
}

/** A value as an error message shows it. */
export function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "function") return "a function";
  return typeof value === "object"
    ? (JSON.stringify(value) ?? "an object")
    : typeof value === "string"
      ? `"${value}"`
      : String(value);
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? "no options" : `the options ${names.join(", ")}`;
}

function nearestTo(name: string, known: readonly string[]): string {
  const near = meantName(name, known);
  return near === undefined ? "" : ` (the nearest is "${near}")`;
}
