/** The public declarations equal a checked-in file: a change of the interface is seen in review. Update: `npm run golden`. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const dist = new URL("../../dist/", import.meta.url);

test.each(["index", "node", "formats"])("the declarations behind %s.d.ts are the recorded ones", async (entry) => {
  const text = readFileSync(new URL(`${entry}.d.ts`, dist), "utf8");
  const names = [...text.matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, list]) => list.split(","));
  const wanted = new Set(names.map((name) => name.replace(/^\s*(type )?/, "").trim()).filter((name) => name !== ""));
  const files = [...reached(new URL(`${entry}.d.ts`, dist))].map((file) => file.slice(dist.href.length)).sort();
  // `stack as stackCells`: the declaration has the first name.
  const all = files.map((file) => readFileSync(new URL(file, dist), "utf8")).join("\n");
  const lists = [...all.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].map(([, list]) => list).join();
  const renamed = [...lists.matchAll(/\b(\w+) as (\w+)\b/g)].filter(([, , name]) => wanted.delete(name));
  for (const [, name] of renamed) wanted.add(name);
  const own = text
    .replace(/\/\*\*?[\s\S]*?\*\//g, "")
    .replace(/^(?!export (declare|interface|class|type \w+ =)).*\n/gm, "");
  const report =
    own +
    files
      .map((file) => [file, declarations(new URL(file, dist), wanted)])
      .flatMap(([file, found]) => (found === "" ? [] : [`// ${file}\n${found}`]))
      .join("\n");
  // A recorder that finds nothing would agree with everything.
  for (const name of wanted) expect(report).toMatch(new RegExp(`\\b${name}\\b`));
  await expect(report).toMatchFileSnapshot(`./golden/${entry}.txt`);
});

/** The files behind an entry: the lists of names in between (`nn/index.d.ts`) name further ones. */
function reached(from: URL, seen: Set<string> = new Set()): Set<string> {
  const text = readFileSync(from, "utf8");
  for (const [, path] of text.matchAll(/^(?:export|import) [^;]*? from "(\.[^"]+)\.[jt]s"/gm)) {
    const file = new URL(`${path}.d.ts`, from);
    if (seen.has(file.href)) continue;
    seen.add(file.href);
    reached(file, seen);
  }
  return seen;
}

/** The exported declarations of a file that the entry names, without comments. */
function declarations(file: URL, wanted: ReadonlySet<string>): string {
  const text = readFileSync(file, "utf8")
    .replace(/\/\*\*?[\s\S]*?\*\//g, "")
    .replace(/^\s*\n/gm, "");
  return text
    .split(/^(?=export )/m)
    .filter((part) =>
      wanted.has(
        part.match(/^export (?:declare )?(?:abstract )?(?:function|class|const|interface|type) (\w+)/)?.[1] ?? "",
      ),
    )
    .join("");
}
