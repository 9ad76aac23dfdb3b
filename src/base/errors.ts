/**
 * The few error classes a user can meet. Each carries data beside its sentence, so that tools and tests match
 * on the data and people read the sentence: `where: what was expected, got what. What to do.`
 * Not here: bugs of our own, which go through `internal()`.
 */

export type ErrorData = Readonly<Record<string, unknown>>;

/** Base of every error that Recurve raises on purpose; `data` holds the facts that the sentence speaks of. */
export abstract class RecurveError extends Error {
  readonly data: ErrorData;
  constructor(message: string, data: ErrorData = {}) {
    super(message);
    this.name = new.target.name;
    this.data = data;
  }
}

/** Two shapes, or a shape and a rule, do not fit. */
export class ShapeError extends RecurveError {}

/** A value has another element type than the operation takes. */
export class DTypeError extends RecurveError {}

/** An option, argument or name is unknown, missing or outside its range. */
export class OptionError extends RecurveError {}

/** A recurrent state was given that does not belong to the model it was given to. */
export class StateError extends RecurveError {}

/** A file or byte sequence is not what its format says. */
export class FormatError extends RecurveError {}

/** A file or folder can not be read or written. */
export class FileError extends RecurveError {}

/** Something meaningful that Recurve does not do (yet, or on this target). */
export class UnsupportedError extends RecurveError {}

/** A number went non-finite, or an index left its range, while a program ran. */
export class NumericError extends RecurveError {}

/** A command was called wrongly; the command line prints the sentence and its usage. */
export class CliError extends RecurveError {}

/** Stops with a message that names our own bug. Never for what a user can cause. */
export function internal(message: string, data: ErrorData = {}): never {
  const detail = Object.keys(data).length > 0 ? ` ${JSON.stringify(data)}` : "";
  throw new Error(`internal: ${message}${detail}. This is a bug in Recurve, please report it.`);
}
