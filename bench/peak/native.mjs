/** Measures the machine's peak in native code with native.c, where there is a C compiler. */
import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const source = fileURLToPath(new URL("native.c", import.meta.url));

/** By `ask`, as in wasm.mjs; `{ missing }` where nothing can be compiled. */
export function startNativePeak(threads) {
  const folder = mkdtempSync(join(tmpdir(), "recurve-peak-"));
  const program = join(folder, "peak");
  const made = spawnSync("cc", ["-O3", "-march=native", "-pthread", source, "-o", program], { encoding: "utf8" });
  if (made.status !== 0) {
    rmSync(folder, { recursive: true });
    return { missing: made.error?.message ?? made.stderr.trim().split("\n")[0] };
  }
  return {
    async ask(task, size, seconds) {
      const { stdout } = await promisify(execFile)(program, [task, size, threads, seconds].map(String));
      return JSON.parse(stdout);
    },
    end: async () => rmSync(folder, { recursive: true }),
  };
}
