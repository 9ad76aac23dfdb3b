/** A small training run on the public interface, the same for Node and a page: returns losses and a prediction. */
export async function trainSmall(recurve) {
  const { adam, fit, gru, dense, sequential, tensor, batches } = recurve;
  const model = sequential([gru({ units: 8 }), dense({ units: 1 })], { input: { shape: [null, 2] }, seed: 3 });
  // The task: the sum of the first feature over time, from fixed pseudo-random numbers.
  const [rows, steps] = [64, 10];
  const x = Float32Array.from({ length: rows * steps * 2 }, (_, i) => Math.fround(Math.sin(i * 12.9898) * 0.5));
  const y = Float32Array.from({ length: rows }, (_, row) => {
    let sum = 0;
    for (let t = 0; t < steps; t++) sum += x[(row * steps + t) * 2];
    return sum;
  });
  const data = batches(tensor(x, { shape: [rows, steps, 2] }), tensor(y, { shape: [rows, 1] }), {
    batchSize: 16,
    seed: 5,
  });
  const history = await fit(model, data, {
    epochs: 5,
    loss: "meanSquaredError",
    optimizer: adam({ learningRate: 0.01 }),
  });
  const { outputs } = model.run(tensor(x.slice(0, 2 * steps * 2), { shape: [2, steps, 2] }));
  return { loss: history.loss, outputs: Array.from(outputs.data()) };
}
