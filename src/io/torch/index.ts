/** What the layers above may use of PyTorch's files: the names, listed by hand. */
export { encodeTorch } from "./encode.ts";
export { decodeTorch, stateDictOf, type TorchFile, type TorchPlain } from "./file.ts";
export { modelFromStateDict, type StateDictModel, type StateDictModelOptions } from "./infer.ts";
export { inspectStateDict, inspectTorch } from "./inspect.ts";
export type { PairingOptions } from "./pairing.ts";
export {
  type ExportStateDictOptions,
  exportStateDict,
  type ImportStateDictOptions,
  importStateDict,
} from "./stateDict.ts";
