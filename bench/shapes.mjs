/**
 * The shapes that Recurve and its peers are measured on, as data: every peer builds its models from these lists of
 * layers. Heads give logits; losses read them. A row of the benchmark is a shape and a kind, as `R.train`.
 */

/**
 * What is measured of a shape: a step of training with loss and Adam, a batch of inference, one step of one row with the
 * state carried, a product of matrices that lie where the engine keeps its own (`matmul`), and the same with numbers from
 * and to JavaScript (`call`), which is Recurve's alone.
 */
export const kinds = ["train", "infer", "stream", "matmul", "call"];
export const ownKinds = ["call"];

const lstm = (units, options) => ({ kind: "lstm", units, ...options });
const dense = (units, options) => ({ kind: "dense", units, ...options });
const embedding = (words, width) => ({ kind: "embedding", words, width });
const both = (units) => lstm(units, { activation: "relu", sequences: true, bidirectional: true });
const sequences = { sequences: true };

const sparse = "sparseCategoricalCrossentropy";
const learned = ["train", "infer"];

/**
 * `features` (numbers from -`scale` to `scale`, 1 if not given) or `words` (integers below it) say what a step reads; a
 * recurrent layer without `sequences` gives its last output alone. With larger numbers, relu grows beyond all bounds in P21.
 */
export const shapes = [
  {
    name: "R",
    title: "LSTM 12→64, last output, dense 2",
    kinds: learned,
    batch: 32,
    steps: 100,
    features: 12,
    layers: [lstm(64), dense(2)],
    loss: sparse,
  },
  {
    name: "P20a",
    title: "embedding 2000×128, SimpleRNN 8, dense 1",
    kinds: learned,
    batch: 32,
    steps: 80,
    words: 2000,
    layers: [embedding(2000, 128), { kind: "simpleRNN", units: 8 }, dense(1)],
    loss: "binaryCrossentropy",
  },
  {
    name: "P20b",
    title: "embedding 2000×128, LSTM 8, dense 1",
    kinds: learned,
    batch: 32,
    steps: 80,
    words: 2000,
    layers: [embedding(2000, 128), lstm(8), dense(1)],
    loss: "binaryCrossentropy",
  },
  {
    name: "P25",
    title: "LSTM 12→64, last output, dense 2",
    kinds: learned,
    batch: 32,
    steps: 820,
    features: 12,
    layers: [lstm(64), dense(2)],
    loss: sparse,
  },
  {
    name: "P5",
    title: "2 × LSTM 38→128, softmax 38 a step",
    kinds: learned,
    batch: 128,
    steps: 300,
    features: 38,
    layers: [lstm(128, sequences), lstm(128, sequences), dense(38)],
    loss: sparse,
  },
  {
    name: "P28",
    title: "embedding 70×16, BiLSTM 256, softmax 5068 a step",
    kinds: learned,
    batch: 32,
    steps: 50,
    words: 70,
    layers: [embedding(70, 16), lstm(256, { sequences: true, bidirectional: true }), dense(5068)],
    loss: sparse,
  },
  {
    name: "P2",
    title: "embedding 65×256, GRU 1024, softmax 65 a step",
    kinds: learned,
    batch: 64,
    steps: 100,
    words: 65,
    layers: [embedding(65, 256), { kind: "gru", units: 1024, sequences: true }, dense(65)],
    loss: sparse,
  },
  {
    name: "P16",
    title: "LSTM 10→100, last output, dense 1",
    kinds: learned,
    batch: 32,
    steps: 22,
    features: 10,
    layers: [lstm(100), dense(1)],
    loss: "meanSquaredError",
  },
  {
    name: "P21",
    title: "relu BiLSTM autoencoder 16, 8, 8, 16, 1, pooled 4 × 4",
    kinds: learned,
    batch: 1,
    steps: 16384,
    features: 64,
    scale: 0.1,
    layers: [
      both(16),
      { kind: "maxPooling", size: 4 },
      both(8),
      { kind: "maxPooling", size: 4 },
      both(8),
      { kind: "upSampling", size: 4 },
      both(16),
      { kind: "upSampling", size: 4 },
      both(1),
      dense(1, { activation: "relu" }),
    ],
    loss: "meanSquaredError",
  },
  { name: "S100", title: "LSTM 10→100", kinds: ["stream"], features: 10, layers: [lstm(100)] },
  { name: "S64", title: "LSTM 12→64", kinds: ["stream"], features: 12, layers: [lstm(64)] },
  { name: "S1024", title: "GRU 256→1024", kinds: ["stream"], features: 256, layers: [{ kind: "gru", units: 1024 }] },
  {
    name: "G96",
    title: "96×512×128",
    kinds: ["matmul", "call"],
    sides: [
      [96, 512],
      [512, 128],
    ],
  },
  {
    name: "G384",
    title: "384×3072×1280",
    kinds: ["matmul", "call"],
    sides: [
      [384, 3072],
      [3072, 1280],
    ],
  },
];
