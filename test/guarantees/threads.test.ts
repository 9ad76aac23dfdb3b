/** Training gives the same bits on any number of threads: each number in a process of its own, as users would set it. */
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";

const url = (path: string): string => JSON.stringify(new URL(`../../${path}`, import.meta.url).href);

const script = `
  import * as recurve from ${url("dist/index.js")};
  import { trainLarge, trainSmall } from ${url("test/browser/train.mjs")};
  const { numbers, threads } = await trainLarge(recurve);
  console.log(JSON.stringify({ threads, numbers: [numbers, await trainSmall(recurve)] }));
`;

function trainOn(count: number): { threads: object; numbers: unknown } {
  const env = { ...process.env, RECURVE_THREADS: String(count), RECURVE_BACKEND: "wasm" };
  const out = execFileSync(process.execPath, ["--input-type=module", "-e", script], { env, timeout: 60_000 });
  return JSON.parse(String(out));
}

test("training on two, three and four threads gives the numbers of one thread, bit for bit", () => {
  const { numbers } = trainOn(1);
  for (const count of [2, 3, 4])
    expect(trainOn(count)).toEqual({ threads: { count, reason: "RECURVE_THREADS says so" }, numbers });
});
