/**
 * What a compiled program is to the layers above: something that runs on arguments. Two makers: `wasm.ts` and, for
 * tests and diagnoses, the graph interpreter. Interface only.
 */
import type { DimValues } from "../base/dims.ts";
import type { HostArray } from "../base/dtypes.ts";

/** Memory of the runtime that outlives calls: where variables live, shared by all programs. */
export interface DeviceBuffer {
  /** Elements. */
  readonly length: number;
  readonly dtype: "float32" | "int32" | "bool";
  /** A copy of the contents. */
  read(): HostArray;
  write(data: HostArray): void;
  /** Lets `make` write all elements where they lie: what is large needs no memory beside. The array is not to be kept. */
  fill(make: (elements: HostArray) => void): void;
  /** Gives the memory back at once; otherwise that happens when the object is garbage collected. */
  free(): void;
}

/** An argument: host data, copied in; or device memory, read in place. */
export type Argument = HostArray | DeviceBuffer;

/** Where a result goes: a fresh host array (`"host"`), or device memory that is overwritten. A device buffer may be argument and result. */
export type Destination = "host" | DeviceBuffer;

/** Of a call, in order of the program's outputs; undefined for those that went to device memory. Short ones may be lent (`results.ts`). */
export type Results = (HostArray | undefined)[];

export interface Executable {
  /** Raises NumericError for a failed check. */
  run(args: readonly Argument[], destinations: readonly Destination[], dims: DimValues): Results;
  /**
   * The same without waiting, where that is a difference: in a page the threads run while its main thread goes on, and
   * calls take their turns. Arguments must stay as they are until then, and device memory among them can not be used.
   */
  runAsync(args: readonly Argument[], destinations: readonly Destination[], dims: DimValues): Promise<Results>;
}

/** Owns device memory and turns artefacts into executables. */
export interface Runtime {
  allocate(dtype: "float32" | "int32" | "bool", length: number): DeviceBuffer;
}
