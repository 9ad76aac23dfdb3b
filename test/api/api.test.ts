/** The public declarations equal a checked-in file: a change of the interface is seen in review. Update: `npm run golden`. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const dist = new URL("../../dist/", import.meta.url);

test.each(["index", "node"])("the declarations behind %s.d.ts are the recorded ones", async (entry) => {
  const text = readFileSync(new URL(`${entry}.d.ts`, dist), "utf8");
  const names = [...text.matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, list]) => list.split(","));
  const wanted = new Set(names.map((name) => name.replace(/^\s*(type )?/, "").trim()));
  const files = [...new Set([...text.matchAll(/from "(\.[^"]+)\.js"/g)].map(([, path]) => path))].sort();
  const own = text
    .replace(/\/\*\*?[\s\S]*?\*\//g, "")
    .replace(/^(?!export (declare|interface|class|type \w+ =)).*\n/gm, "");
  const report =
    own + files.map((file) => `// ${file}\n${declarations(new URL(`${file}.d.ts`, dist), wanted)}`).join("\n");
  await expect(report).toMatchFileSnapshot(`./golden/${entry}.txt`);
});

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
