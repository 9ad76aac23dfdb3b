/**
 * Every sentence that Recurve answers a mistake with, in one golden file: `where: what was expected, got what. What to
 * do.` The commands' own sentences are in test/cli/errors.test.ts. Update: `npm run golden`.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { RecurveError } from "../../src/base/errors.ts";
import { around } from "./around.ts";
import { cells } from "./cells.ts";
import { decoding } from "./decoding.ts";
import { files } from "./files.ts";
import { layers } from "./layers.ts";
import { tensors } from "./tensors.ts";
import { threads } from "./threads.ts";
import { training } from "./training.ts";
import { weights } from "./weights.ts";

const folder = mkdtempSync(join(tmpdir(), "recurve-errors-"));
writeFileSync(join(folder, "model.safetensors"), "");
afterAll(() => rmSync(folder, { recursive: true }));

const sections = { tensors, layers, cells, around, weights, decoding, training, files, threads };

interface Said {
  readonly name: string;
  readonly kind: string;
  readonly sentence: string;
}

const said: Said[] = [];
for (const [section, provocations] of Object.entries(sections)) {
  for (const [mistake, provoke] of Object.entries(provocations)) {
    const name = `${section}: ${mistake}`;
    const error = await (async () => provoke(folder))().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof RecurveError))
      throw new Error(`${name}: expected an error of Recurve, got ${String(error)}`, { cause: error });
    said.push({ name, kind: error.name, sentence: error.message.replaceAll(folder, "FOLDER") });
  }
}

test("each mistake is answered with the sentence of the golden file", async () => {
  const text = said.map(({ name, kind, sentence }) => `${name}\n  ${kind}: ${sentence}\n`).join("\n");
  await expect(text).toMatchFileSnapshot("./golden/sentences.txt");
});

// What came is told by "got", or by a fact: what the step returned, what is missing, what can not be.
const facts = /\bgot |, but |\breturned |\bcan ?not |\bcould not |, which | is missing|\bexpected outputSize\b/;

test("each sentence begins with where, says what was expected and what came", () => {
  const odd = said.filter(({ sentence }) => {
    const [, where, rest] = /^([^\n]+?): (.+)$/s.exec(sentence) ?? [];
    return where === undefined || where.length > 120 || !facts.test(rest) || sentence.includes("\n");
  });
  expect(odd).toEqual([]);
});

/** The words that begin a clause which tells what to do. */
const remedies =
  /^(add|apply|assign|await|bring|call|carry|change|check|choose|clean|compile|compute|convert|create|declare|did you mean|give|go on|join|keep|leave|lower|make|name|open|pad|pass|put|reduce|remove|rename|renumber|reset|reshape|return|save|scale|split|stack|transpose|update|use|wrap|write)\b/i;

test("each sentence ends with another one that tells what to do", () => {
  const odd = said.filter(({ sentence }) => {
    const last = sentence.split(/[.?] (?=[A-Z])/).at(-1) ?? "";
    const clauses = last.split(/[;:,] (?:or )?/);
    return last === sentence || !clauses.some((clause) => remedies.test(clause)) || !/[.?]$/.test(last);
  });
  expect(odd.map(({ sentence }) => sentence)).toEqual([]);
});

test("no two mistakes are the same by accident", () => {
  expect(new Set(said.map(({ name }) => name)).size).toBe(said.length);
});
