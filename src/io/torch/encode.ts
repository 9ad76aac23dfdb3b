/**
 * Writing what `torch.load(path, weights_only=True)` opens: an ordered dict of tensors, as `torch.save(model.state_dict(), path)`
 * writes it. The pickle is made of the few instructions that it needs; the same tensors give the same bytes.
 */
import { OptionError } from "../../base/errors.ts";
import { encodeElements } from "../elements.ts";
import { checkHostTensor, type HostTensor, type HostTensors } from "../hostTensor.ts";
import { quoted } from "../quoted.ts";
import { encodeZip } from "../zip.ts";

const storageNames = { float32: "FloatStorage", int32: "IntStorage", bool: "BoolStorage" } as const;

/** Bytes of a `.pt` file that holds these tensors by name. */
export function encodeTorch(tensors: HostTensors): Uint8Array {
  const entries = Object.entries(tensors);
  for (const [name, tensor] of entries) checkHostTensor(tensor, `encodeTorch: tensor ${quoted(name)}`);
  const text = (value: string): Uint8Array => new TextEncoder().encode(value);
  // The name of the folder is what torch.save takes for a file without a name.
  const members = [
    ["archive/data.pkl", pickleOf(entries)] as const,
    ["archive/byteorder", text("little")] as const,
    ...entries.map(([, { dtype, data }], i) => [`archive/data/${i}`, encodeElements(dtype, data)] as const),
    ["archive/version", text("3\n")] as const,
  ];
  return encodeZip(members, { align: 64 });
}

/** Bytes one after the other. */
class Pickler {
  readonly #bytes: number[] = [];

  codes(...codes: readonly number[]): this {
    for (const code of codes) this.#bytes.push(code);
    return this;
  }

  /** BINUNICODE */
  text(value: string): this {
    const bytes = new TextEncoder().encode(value);
    return this.codes(0x58, ...littleEndian(bytes.length, 4), ...bytes);
  }

  /** BININT, or LONG1 above 31 bits. */
  whole(value: number): this {
    if (value < 2 ** 31) return this.codes(0x4a, ...littleEndian(value, 4));
    return this.codes(0x8a, 8, ...littleEndian(value, 8));
  }

  /** MARK, the numbers, TUPLE */
  tuple(values: readonly number[]): this {
    this.codes(0x28);
    for (const value of values) this.whole(value);
    return this.codes(0x74);
  }

  /** GLOBAL */
  name(module: string, name: string): this {
    return this.codes(0x63, ...new TextEncoder().encode(`${module}\n${name}\n`));
  }

  finish(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

function littleEndian(value: number, width: number): number[] {
  return Array.from({ length: width }, (_, i) => Math.floor(value / 256 ** i) % 256);
}

/** PROTO 2, OrderedDict(), MARK, name and tensor of each, SETITEMS, STOP */
function pickleOf(entries: readonly (readonly [string, HostTensor])[]): Uint8Array {
  const pickler = new Pickler().codes(0x80, 2);
  emptyDict(pickler).codes(0x28);
  for (const [i, [name, tensor]] of entries.entries()) {
    if (name === "")
      throw new OptionError("encodeTorch: expected every tensor to have a name, got an empty one. Name it.");
    pickler.text(name);
    pickleTensor(pickler, tensor, i);
  }
  return pickler.codes(0x75, 0x2e).finish();
}

/** collections.OrderedDict() */
function emptyDict(pickler: Pickler): Pickler {
  return pickler.name("collections", "OrderedDict").codes(0x29, 0x52);
}

/** _rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict()), the storage by its persistent id. */
function pickleTensor(pickler: Pickler, { dtype, shape, data }: HostTensor, key: number): void {
  const strides = shape.map((_, axis) =>
    shape.slice(axis + 1).reduce((product, size) => product * Math.max(1, size), 1),
  );
  pickler.name("torch._utils", "_rebuild_tensor_v2").codes(0x28, 0x28);
  pickler.text("storage").name("torch", storageNames[dtype]).text(String(key)).text("cpu").whole(data.length);
  // TUPLE, BINPERSID
  pickler.codes(0x74, 0x51).whole(0).tuple(shape).tuple(strides).codes(0x89);
  emptyDict(pickler).codes(0x74, 0x52);
}
