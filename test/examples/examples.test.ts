/** Every example runs, and prints what its golden file says. Update: `npm run golden`. */
import { readdirSync, readFileSync } from "node:fs";
import { format } from "node:util";
import { afterEach, expect, test, vi } from "vitest";

const folder = new URL("../../examples/", import.meta.url);
const files = readdirSync(folder).filter((file) => file.endsWith(".ts"));
// Figures are printed as WebAssembly rounds them.
process.env["RECURVE_BACKEND"] = "wasm";

afterEach(() => {
  vi.restoreAllMocks();
});

test.each(files)("%s prints what its person wanted to know", async (file) => {
  const lines: string[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((...words: unknown[]) => void lines.push(format(...words)));
  await import(new URL(file, folder).href);
  log.mockRestore();
  await expect(`${lines.join("\n")}\n`).toMatchFileSnapshot(`golden/${file.replace(/\.ts$/, ".txt")}`);
});

/** The list: each example by the question in its first line. */
function list(): string {
  const rows = files.map((file) => {
    const [first] = readFileSync(new URL(file, folder), "utf8").split("\n");
    return `- [${file.split("-")[0]}](${file}): ${first.replace(/^\/\/ /, "")}`;
  });
  return [
    "# Examples, by question",
    "",
    "Each is a question that people have with recurrent networks, asked of the library, which answers in words and numbers.",
    "`npm run example p01` runs one; the tests run all of them.",
    "",
    ...rows,
    "",
  ].join("\n");
}

test("the list of examples is what there is, and each is shorter than 60 lines", async () => {
  await expect(list()).toMatchFileSnapshot("../../examples/README.md");
  const long = files.filter((file) => readFileSync(new URL(file, folder), "utf8").split("\n").length > 60);
  expect(long).toEqual([]);
});
