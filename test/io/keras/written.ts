/** What Recurve writes for Keras: every model of the fixtures in every format, with the arrays that it must give. */
import { readdirSync, readFileSync } from "node:fs";
import { decodeKeras, encodeKeras, encodeKerasH5, encodeKerasWeights } from "../../../src/io/keras/index.ts";
import type { WrittenFile } from "../verified.ts";

const folder = new URL("../fixtures/keras/", import.meta.url);

/** The same bytes each time. Weights alone come with the model that they are for. */
export async function written(): Promise<WrittenFile[]> {
  const names = readdirSync(folder).filter((name) => name.endsWith(".keras"));
  const files: WrittenFile[] = [];
  for (const file of names.sort()) {
    const name = file.slice(0, -".keras".length);
    const { model } = await decodeKeras(new Uint8Array(readFileSync(new URL(file, folder))), file);
    const npz = new Uint8Array(readFileSync(new URL(`${name}.npz`, folder)));
    files.push({ name: `${name}.keras`, bytes: encodeKeras(model), npz });
    files.push({ name: `${name}.h5`, bytes: encodeKerasH5(model), npz });
    files.push({ name: `${name}.weights.h5`, bytes: encodeKerasWeights(model), npz });
  }
  return files;
}
