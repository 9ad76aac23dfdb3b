/** Training runs on the public interface, the same for Node and a page: they return losses, predictions and what was seen meanwhile. */

/** Rows of fixed pseudo-random numbers, and the sum of the first feature over time of each. */
function sums(recurve, { rows, steps, features, batchSize }) {
  const { batches, tensor } = recurve;
  const x = Float32Array.from({ length: rows * steps * features }, (_, i) => Math.fround(Math.sin(i * 12.9898) * 0.5));
  const y = Float32Array.from({ length: rows }, (_, row) => {
    let sum = 0;
    for (let t = 0; t < steps; t++) sum += x[(row * steps + t) * features];
    return sum;
  });
  const inputs = tensor(x, { shape: [rows, steps, features] });
  const data = batches(inputs, tensor(y, { shape: [rows, 1] }), { batchSize, seed: 5 });
  return { data, two: tensor(x.slice(0, 2 * steps * features), { shape: [2, steps, features] }) };
}

/** A model that is too small for several threads. */
export async function trainSmall(recurve) {
  const { adam, fit, gru, dense, sequential } = recurve;
  const model = sequential([gru({ units: 8 }), dense({ units: 1 })], { input: { shape: [null, 2] }, seed: 3 });
  const { data, two } = sums(recurve, { rows: 64, steps: 10, features: 2, batchSize: 16 });
  const history = await fit(model, data, {
    epochs: 5,
    loss: "meanSquaredError",
    optimizer: adam({ learningRate: 0.01 }),
  });
  const { outputs } = model.run(two);
  return { loss: history.loss, outputs: Array.from(outputs.data()) };
}

/** A model that several threads train: trains it, and counts how often a timer ticks while one long step runs. */
export async function trainLarge(recurve) {
  const { createTrainer, fit, gru, dense, predict, sequential, threads } = recurve;
  const model = sequential([gru({ units: 64 }), dense({ units: 1 })], { input: { shape: [null, 8] }, seed: 3 });
  const trainer = createTrainer(model, { loss: "meanSquaredError", seed: 1 });
  const small = sums(recurve, { rows: 64, steps: 20, features: 8, batchSize: 32 });
  const history = await fit(trainer, small.data, { epochs: 2 });
  const long = sums(recurve, { rows: 64, steps: 3000, features: 8, batchSize: 64 });
  const batch = long.data.batch(0, 0);
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  const { loss } = await trainer.stepAsync(batch);
  clearInterval(timer);
  const outputs = await predict(model, small.two);
  const sync = model.run(small.two).outputs;
  return {
    numbers: { history: history.loss, loss, outputs: Array.from(outputs.data()), sync: Array.from(sync.data()) },
    ticks,
    threads: threads(),
  };
}
