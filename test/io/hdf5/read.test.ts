/** Reading files that h5py has written with many settings: every name, attribute and number is found again. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { decodeHdf5, type Hdf5Dataset, type Hdf5Group } from "../../../src/io/hdf5/index.ts";

const folder = new URL("../fixtures/hdf5/", import.meta.url);
const expected = JSON.parse(readFileSync(new URL("expected.json", folder), "utf8")) as Record<string, Contents>;

interface Contents {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly members?: Readonly<Record<string, Contents>>;
  readonly shape?: readonly number[];
  readonly data?: readonly number[];
}

function contents(one: Hdf5Group | Hdf5Dataset): Contents {
  const attributes = Object.fromEntries(one.attributes);
  if (one.kind === "group") {
    return {
      attributes,
      members: Object.fromEntries([...one.children].map(([name, child]) => [name, contents(child)])),
    };
  }
  return { attributes, shape: one.shape, data: Array.from(one.read().data) };
}

test("every fixture has its contents", () => {
  const files = readdirSync(folder).filter((name) => name.endsWith(".h5"));
  expect(files.map((name) => name.slice(0, -3)).sort()).toEqual(Object.keys(expected).sort());
});

test.each(Object.keys(expected))("%s.h5", (name) => {
  const bytes = new Uint8Array(readFileSync(new URL(`${name}.h5`, folder)));
  expect(contents(decodeHdf5(bytes, `${name}.h5`))).toEqual(expected[name]);
});

test("float32 in one stretch is a view of the file", () => {
  const bytes = new Uint8Array(readFileSync(new URL("shared.h5", folder)));
  const { children } = decodeHdf5(bytes, "shared.h5");
  const a = children.get("a");
  expect(a?.kind === "dataset" && a.read().data.buffer).toBe(bytes.buffer);
});
