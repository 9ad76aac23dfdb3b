/** The formats that models are written in, by the names that people give to files. Data only, so that it loads at once. */

/** What `encodeAs` writes, each with the endings of its files and what it is. */
export const writtenFormats = Object.freeze({
  safetensors: { endings: [".safetensors"], title: "Recurve model (.safetensors)" },
  keras: { endings: [".keras"], title: "Keras 3 model (.keras)" },
  weightsH5: { endings: [".weights.h5"], title: "Keras 3 weights (.weights.h5)" },
  h5: { endings: [".h5", ".hdf5"], title: "Keras model (.h5)" },
  pytorch: { endings: [".pt", ".pth", ".bin"], title: "PyTorch state_dict (.pt)" },
  onnx: { endings: [".onnx"], title: "ONNX model (.onnx)" },
  npz: { endings: [".npz"], title: "NumPy arrays (.npz)" },
});

export type WrittenFormat = keyof typeof writtenFormats;

/** The format that a file's name says; undefined for an ending that says none. */
export function formatOfName(name: string): WrittenFormat | undefined {
  const lower = name.toLowerCase();
  const fits = ([, { endings }]: [string, { readonly endings: readonly string[] }]): boolean =>
    endings.some((ending) => lower.endsWith(ending));
  return Object.entries(writtenFormats).find(fits)?.[0] as WrittenFormat | undefined;
}
