/**
 * Files that somebody made to do harm, and good files made bad: every reader answers or raises a RecurveError with a sentence,
 * soon and in little memory; nothing is executed and nothing written. `npm run fuzz` is the long run. The seed of a failure is in its message.
 */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RecurveError } from "../../src/base/errors.ts";
import { drawFrom } from "../fuzz/graphs.ts";
import { mutate, mutateMember, type Seed } from "./hostile/mutate.ts";
import { readers } from "./hostile/readers.ts";

/** Bad files over all readers. */
const wanted = Number(process.env.RECURVE_FUZZ ?? 1500);
const each = Math.ceil(wanted / Object.keys(readers).length);

/** Bounds of one file: processor time, so that a busy machine does not count, and memory beyond what was there. */
const mostSeconds = 2;
const mostBytes = 512 * 2 ** 20;

const home = process.cwd();
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "recurve-hostile-"));
});
afterAll(() => {
  expect(process.cwd()).toBe(home);
  expect(readdirSync(folder)).toEqual([]);
  rmSync(folder, { recursive: true });
});

interface Outcome {
  readonly error: unknown;
  readonly seconds: number;
}

async function outcome(read: (bytes: Uint8Array) => unknown, bytes: Uint8Array): Promise<Outcome> {
  const before = process.cpuUsage();
  let error: unknown;
  try {
    await read(bytes);
  } catch (raised) {
    error = raised;
  }
  const { user, system } = process.cpuUsage(before);
  return { error, seconds: (user + system) / 1e6 };
}

function check({ error, seconds }: Outcome, name: string): void {
  if (error !== undefined && !(error instanceof RecurveError)) {
    throw new Error(`${name}: ${error instanceof Error ? error.stack : String(error)}`);
  }
  if (error instanceof RecurveError && error.message.length > 900) throw new Error(`${name}: ${error.message}`);
  if (seconds > mostSeconds) throw new Error(`${name}: took ${seconds.toFixed(2)} s of processor time`);
}

describe.each(Object.entries(readers))("%s", (name, { hostile, seeds, read }) => {
  test.each(hostile.map((one) => [one.name, one] as const))("%s is refused", async (_, { bytes }) => {
    const before = process.resourceUsage().maxRSS * 1024;
    const result = await outcome(read, bytes);
    check(result, name);
    expect(result.error).toBeInstanceOf(RecurveError);
    expect(process.resourceUsage().maxRSS * 1024 - before).toBeLessThan(mostBytes);
  });

  test.each(seeds.map((one) => [one.name, one] as const))("%s is read", async (_, { bytes }) => {
    const { error } = await outcome(read, bytes);
    if (error !== undefined) throw error;
  });

  test(`${each} damaged files`, { timeout: 600_000 }, async () => {
    const before = process.resourceUsage().maxRSS * 1024;
    const random = drawFrom([...name].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7) >>> 0);
    let refused = 0;
    for (let i = 0; i < each; i++) {
      const seed = seeds[i % seeds.length];
      const bytes = await damaged(seed, seeds, random, i);
      const result = await outcome(read, bytes);
      if (result.error !== undefined) refused++;
      check(result, `${name}, file ${i} from ${seed.name} (${bytes.length} bytes)`);
    }
    expect(refused).toBeGreaterThan(each / 10);
    expect(process.resourceUsage().maxRSS * 1024 - before).toBeLessThan(mostBytes);
  });
});

/** Every second time an archive stays whole and one of its members is damaged. */
async function damaged(seed: Seed, seeds: readonly Seed[], random: () => number, i: number): Promise<Uint8Array> {
  const isArchive = seed.bytes[0] === 0x50 && seed.bytes[1] === 0x4b;
  return isArchive && i % 2 === 0 ? mutateMember(seed, seeds, random) : mutate(seed, seeds, random);
}
