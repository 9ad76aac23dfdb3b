/** Modules for engines and pages that have no shared memory: the import of the memory says so, nothing else differs. */
import { internal } from "../../base/errors.ts";
import { memoryFlags } from "./assembler.ts";

const importSection = 2;

/** A copy of a module of the assembler that imports a memory of its own. It must not wait in it. */
export function withoutSharing(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = bytes.slice();
  const at = flagsAt(copy);
  if (copy[at] !== memoryFlags.shared) internal("a module that imports no shared memory", { flags: copy[at] });
  copy[at] = memoryFlags.limited;
  return copy;
}

/** Where the flags of the imported memory stand: the import section has this one entry. */
function flagsAt(bytes: Uint8Array): number {
  // Behind the magic number and the version.
  let at = 8;
  while (at < bytes.length) {
    const id = bytes[at];
    const { value: size, next } = unsigned(bytes, at + 1);
    if (id === importSection) return afterNames(bytes, next + 1) + 1;
    at = next + size;
  }
  return internal("a module without imports");
}

/** Behind the names of the module and the field of an import. */
function afterNames(bytes: Uint8Array, start: number): number {
  const module = unsigned(bytes, start);
  const field = unsigned(bytes, module.next + module.value);
  return field.next + field.value;
}

/** Reads unsigned LEB128. */
function unsigned(bytes: Uint8Array, start: number): { value: number; next: number } {
  let value = 0;
  for (let at = start, shift = 0; ; at++, shift += 7) {
    value |= (bytes[at] & 0x7f) << shift;
    if (bytes[at] < 0x80) return { value, next: at + 1 };
  }
}
