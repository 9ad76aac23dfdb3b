/** What the layers above may use of the file formats: the names, listed by hand. Files on disk are in `node/`. */
export { type Checkpoint, decodeCheckpoint, encodeCheckpoint, modelOfCheckpoint } from "./checkpoint.ts";
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
export { decodeNpy, encodeNpy } from "./npy.ts";
export { decodeSafetensors, encodeSafetensors, type SafetensorsFile } from "./safetensors.ts";
