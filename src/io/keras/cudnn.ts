/**
 * Weights of `CuDNNLSTM` and `CuDNNGRU` of Keras 2: those of an LSTM and of a GRU with `reset_after`, each gate in the order
 * in which cuDNN keeps it. After `_convert_rnn_weights` of tf.keras (hdf5_format.py), which says what they are.
 */
import type { HostTensor } from "../hostTensor.ts";

/** Gates of an LSTM and of a GRU. */
export type CudnnGates = 4 | 3;

/** The array as the plain layer has it; `shape` is what the weight has in Recurve. One of another size is given back. */
export function fromCudnn(name: string, given: HostTensor, shape: readonly number[], gates: CudnnGates): HostTensor {
  const { data } = given;
  if (!(data instanceof Float32Array)) return given;
  if (name === "bias") return { dtype: "float32", shape, data: biasOf(data, shape) };
  const [rows, columns] = given.shape;
  if (given.shape.length !== 2 || rows !== shape[0] || columns !== shape[1]) return given;
  const units = columns / gates;
  const out = new Float32Array(data.length);
  for (let gate = 0; gate < gates; gate++) {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < units; j++) {
        // The block's numbers in a row are [units, inputs] of a kernel; a recurrent one is transposed where it stands.
        const place = i * units + j;
        const [row, column] = name === "kernel" ? [place % rows, Math.floor(place / rows)] : [j, i];
        out[row * columns + gate * units + column] = data[i * columns + gate * units + j];
      }
    }
  }
  return { dtype: "float32", shape, data: out };
}

/** cuDNN has one bias for the input and one for the state. The LSTM of Keras has their sum, its GRU has both. */
function biasOf(data: Float32Array, shape: readonly number[]): Float32Array {
  const count = shape.reduce((a, b) => a * b, 1);
  if (data.length !== 2 * count) return data;
  return Float32Array.from({ length: count }, (_, i) => data[i] + data[count + i]);
}
