/** Files of other programs, loaded, run and written again: the same for Node and a page. `read` gives the bytes of a fixture. */

const files = [
  "keras/bidirectional-concat.keras",
  "keras/bidirectional-concat.h5",
  "torch/classifier.pt",
  "torch/gru.safetensors",
  "onnx/classifier-dynamo.onnx",
  "onnx/attention-dynamo.onnx",
  "tfjs/lstm/model.json",
  "tflite/bidirectional.tflite",
  "tf1/basic-lstm.index",
];

/** Two rows of six steps, with numbers that are no secret. */
function inputsOf({ tensor }, inputs) {
  const entries = inputs.map(({ name, shape, dtype }) => {
    const sizes = shape.map((size, axis) => (typeof size === "number" ? size : axis === 0 ? 2 : 6));
    const count = sizes.reduce((a, b) => a * b, 1);
    const data = Array.from({ length: count }, (_, i) => (dtype === "float32" ? Math.sin(i) : i % 3));
    return [name, tensor(data, { shape: sizes, dtype: dtype === "float32" ? "float32" : "int32" })];
  });
  return Object.fromEntries(entries);
}

const numbers = (outputs) => [outputs].flat().map((x) => Array.from(x.data()));

export async function readFiles(recurve, { loadBytes, encodeAs }, read) {
  const results = {};
  for (const file of files) {
    const folder = file.slice(0, file.lastIndexOf("/") + 1);
    const beside = (name) => read(folder + name);
    const { format, model, graph } = await loadBytes(await read(file), { where: file, beside });
    const own = model?.definition();
    const inputs = own?.inputs.map((one) => ({ ...one, shape: [null, ...one.shape] })) ?? graph.inputs;
    const given = inputsOf(recurve, inputs);
    const values = model === undefined ? Object.values(graph.run(given)) : model.run(given).outputs;
    const written = model === undefined ? graph.encode() : await encodeAs(model, "onnx", {});
    const again = await loadBytes(written, { where: "written" });
    const same = again.model === undefined ? Object.values(again.graph.run(given)) : again.model.run(given).outputs;
    results[file] = { format, outputs: numbers(values), again: numbers(same) };
  }
  return results;
}
