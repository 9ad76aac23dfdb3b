/**
 * Writes a digest of everything in `dist` (or another folder that is named) into its `base/build.js`, so that programs
 * which one build has kept on disk are never run by another. The last step of `npm run build`.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const dist = process.argv[2] ?? fileURLToPath(new URL("../dist", import.meta.url));
const stamped = "base/build.js";
const files = readdirSync(dist, { recursive: true })
  .map((file) => file.replaceAll("\\", "/"))
  .filter((file) => file.endsWith(".js") && file !== stamped)
  .sort();
const hash = createHash("sha256");
for (const file of files) {
  const text = readFileSync(join(dist, file));
  hash.update(`${file}:${text.length}:`).update(text);
}
const before = readFileSync(join(dist, stamped), "utf8");
const after = before.replace('build = "";', `build = "${hash.digest("hex").slice(0, 32)}";`);
if (after === before) throw new Error(`${stamped}: expected the line \`build = "";\` to stamp, found none.`);
writeFileSync(join(dist, stamped), after);
