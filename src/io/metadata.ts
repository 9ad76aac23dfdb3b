/**
 * What Recurve writes into the metadata of a safetensors file, and how it is read back: the version of the format and
 * JSON entries, checked before anything is made of them.
 */
import { FormatError, OptionError, UnsupportedError } from "../base/errors.ts";

export type Metadata = Readonly<Record<string, string>>;

/** What a file holds: one model, a training, or tensors of someone else's. */
export type FileKind = "model" | "checkpoint" | "tensors";

/** Raised when the meaning of an entry changes; readers refuse newer files. */
const formatVersion = 1;
const prefix = "recurve.";

/** Recurve's entries and the caller's, which must not begin with "recurve.". */
export function joinMetadata(own: Readonly<Record<string, unknown>>, extra: Metadata): Metadata {
  const reserved = Object.keys(extra).find((name) => name.startsWith(prefix));
  if (reserved !== undefined) {
    throw new OptionError(
      `metadata: expected names that do not begin with "${prefix}", got "${reserved}". Choose another name.`,
      { name: reserved },
    );
  }
  const entries = Object.entries(own).map(([name, value]) => [prefix + name, JSON.stringify(value)]);
  return { [`${prefix}format`]: String(formatVersion), ...Object.fromEntries(entries), ...extra };
}

/** The caller's entries alone. */
export function extraMetadata(metadata: Metadata): Metadata {
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => !name.startsWith(prefix)));
}

/** Which kind of file has this metadata. */
export function fileKind(metadata: Metadata): FileKind {
  if (metadata[`${prefix}checkpoint`] !== undefined) return "checkpoint";
  return metadata[`${prefix}model`] !== undefined ? "model" : "tensors";
}

/** Raises unless the file is of the kind that the caller reads, and of a version that it knows. */
export function expectKind(metadata: Metadata, expected: "model" | "checkpoint", where: string): void {
  const got = fileKind(metadata);
  const version = Number(metadata[`${prefix}format`]);
  if (got !== "tensors" && version > formatVersion) {
    throw new UnsupportedError(
      `${where}: expected format version ${formatVersion} or older, got ${version}. Update Recurve to read this file.`,
      { version },
    );
  }
  if (got === expected) return;
  const remedies = {
    model: "Give a file that saveModel wrote, or recurve train as --out",
    checkpoint: "Give the .checkpoint file that lies beside the model",
  };
  const names = {
    model: "a model",
    checkpoint: "a training checkpoint",
    tensors: "tensors without a model of Recurve's",
  };
  throw new FormatError(`${where}: expected ${names[expected]}, got ${names[got]}. ${remedies[expected]}.`, {
    expected,
    got,
  });
}

/** An entry that holds a JSON object. */
export function readJson(metadata: Metadata, name: string, where: string): Record<string, unknown> {
  const text = metadata[prefix + name] ?? "";
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Falls through to the sentence.
  }
  throw new FormatError(
    `${where}: expected JSON in the metadata "${prefix}${name}", got something else. The file is damaged; save it again.`,
    { name },
  );
}
