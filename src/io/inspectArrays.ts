/** The report of a file of arrays: names, types and shapes, and no model. */
import type { HostTensors } from "./hostTensor.ts";
import type { FileReport } from "./report.ts";

export function inspectArrays(tensors: HostTensors, format: string): FileReport {
  const entries = Object.entries(tensors);
  return {
    format,
    facts: [["arrays", String(entries.length)]],
    parts: entries.map(([path, { dtype, shape, data }]) => ({
      path,
      kind: dtype,
      shape,
      parameters: data.length,
      notes: [],
    })),
    missing: [],
  };
}
