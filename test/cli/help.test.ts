/** The help texts as files, so that a change of a word is seen in review. `vitest run --update` writes them anew. */
import { expect, test } from "vitest";
import { recurve } from "./capture.ts";

test.each(["train", "generate", "inspect", "run", "demo"])(
  "recurve %s --help says what is in its golden file, in 80 columns",
  async (command) => {
    const { code, out, err } = await recurve(command, "--help");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out.split("\n").filter((line) => line.length > 80)).toEqual([]);
    await expect(out).toMatchFileSnapshot(`golden/${command}.txt`);
  },
);

test("recurve --help lists the commands; without any argument the same help is wrong usage", async () => {
  const { code, out } = await recurve("--help");
  expect(code).toBe(0);
  await expect(out).toMatchFileSnapshot("golden/recurve.txt");
  expect(await recurve()).toEqual({ code: 2, out: "", err: out });
});

test("--version prints the version alone", async () => {
  expect(await recurve("--version")).toEqual({ code: 0, out: "1.2.3\n", err: "" });
});
