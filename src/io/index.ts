/** What the layers above may use of Recurve's own files: the names, listed by hand. Formats of others are in `formats.ts`, files on disk in `node/`. */
export { type Checkpoint, decodeCheckpoint, encodeCheckpoint, modelOfCheckpoint } from "./checkpoint.ts";
export { compareArrays, type Difference } from "./compare.ts";
export type { HostTensor, HostTensors } from "./hostTensor.ts";
export { type FileKind, fileKind } from "./metadata.ts";
export {
  decodeModel,
  encodeModel,
  hostTensors,
  type ModelFile,
  type OwnKinds,
  tensorsOf,
} from "./modelFile.ts";
export { formatOfName, type WrittenFormat, writtenFormats } from "./names.ts";
export { decodeNpy, encodeNpy } from "./npy.ts";
export { decodeSafetensors, encodeSafetensors, type SafetensorsFile } from "./safetensors.ts";
