/** Crafted files of PyTorch are refused in a sentence, nothing of them is run; damaged ones give an answer or a sentence. */
import { expect, test } from "vitest";
import { RecurveError, UnsupportedError } from "../../../src/base/errors.ts";
import { encodeZip, readZip } from "../../../src/io/zip.ts";
import { damaged } from "../damaged.ts";
import { hostile, read, seeds } from "../hostile/torch.ts";

test.each(hostile.map(({ name, bytes }) => [name, bytes] as const))("%s is refused", async (_, bytes) => {
  await expect(read(bytes)).rejects.toThrow(RecurveError);
});

test("a file that would run a function when opened in Python says which", async () => {
  const bytes = hostile.find(({ name }) => name === "a call of os.system")?.bytes ?? new Uint8Array(0);
  await expect(read(bytes)).rejects.toThrow(UnsupportedError);
  await expect(read(bytes)).rejects.toThrow(/would run os\.system when opened in Python\. Do not open it there/);
});

const named = seeds.map(({ name, bytes }) => [name, bytes] as const);

test.each(named)("%s, damaged 100 times, gives an answer or a RecurveError", async (_, bytes) => {
  for (const one of damaged(bytes, 100)) await expectAnswer(one);
});

test.each(named.filter(([name]) => !name.includes("legacy")))(
  "%s with a damaged pickle, whose checksum is right, gives an answer or a RecurveError",
  async (name, bytes) => {
    const members = await readZip(bytes, name);
    const main = [...members.keys()].find((one) => one.endsWith("data.pkl")) ?? "";
    for (const pickle of damaged(members.get(main) ?? bytes, 100)) {
      await expectAnswer(encodeZip(new Map([...members, [main, pickle]])));
    }
  },
);

async function expectAnswer(bytes: Uint8Array): Promise<void> {
  try {
    await read(bytes);
  } catch (error) {
    if (!(error instanceof RecurveError)) throw error;
    expect(error.message.length).toBeLessThan(900);
  }
}
