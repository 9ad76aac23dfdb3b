/**
 * Good files made bad: bytes changed, numbers made huge, parts cut, doubled, moved, and mixed with another file. Members of
 * a zip archive are changed inside of it too, so that the archive is whole and its contents are not.
 */
import { encodeZip, readZip } from "../../../src/io/zip.ts";

export interface Seed {
  readonly name: string;
  readonly bytes: Uint8Array;
}

type Random = () => number;
type Mutation = (bytes: Uint8Array, random: Random, other: Uint8Array) => Uint8Array;

const below = (random: Random, n: number): number => Math.floor(random() * Math.max(1, n));

/** Numbers that lengths and offsets lie with. */
const lies = [
  0, 1, 2, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
];

const mutations: readonly Mutation[] = [
  function flip(bytes, random) {
    const out = bytes.slice();
    for (let i = below(random, 6); i >= 0; i--) out[below(random, out.length)] ^= 1 << below(random, 8);
    return out;
  },
  function overwrite(bytes, random) {
    const out = bytes.slice();
    for (let i = below(random, 4); i >= 0; i--) out[below(random, out.length)] = below(random, 256);
    return out;
  },
  function lie(bytes, random) {
    const out = bytes.slice();
    const width = [1, 2, 4, 8][below(random, 4)];
    const at = below(random, out.length - width);
    const value = lies[below(random, lies.length)];
    for (let i = 0; i < width && at + i < out.length; i++) out[at + i] = i < 4 ? (value >>> (8 * i)) & 255 : 0;
    return out;
  },
  function cut(bytes, random) {
    return bytes.slice(0, below(random, bytes.length));
  },
  function remove(bytes, random) {
    const at = below(random, bytes.length);
    const count = 1 + below(random, 64);
    return joined(bytes.subarray(0, at), bytes.subarray(at + count));
  },
  function repeat(bytes, random) {
    const at = below(random, bytes.length);
    const part = bytes.subarray(at, at + 1 + below(random, 256));
    return joined(bytes.subarray(0, at), part, part, bytes.subarray(at + part.length));
  },
  function move(bytes, random) {
    const out = bytes.slice();
    const count = 1 + below(random, 64);
    out.copyWithin(below(random, out.length - count), below(random, out.length - count), count);
    return out;
  },
  function mix(bytes, random, other) {
    return joined(bytes.subarray(0, below(random, bytes.length)), other.subarray(below(random, other.length)));
  },
  function digits(bytes, random) {
    // Numbers in JSON headers: a digit becomes another, or a longer number.
    const out = [...bytes];
    const places = out.flatMap((byte, i) => (byte >= 0x30 && byte <= 0x39 ? [i] : []));
    if (places.length === 0) return bytes.slice(0, below(random, bytes.length));
    const at = places[below(random, places.length)];
    out.splice(
      at,
      1,
      ...new TextEncoder().encode(["9", "99999999", "-1", "1e99", "0", "null", "4294967297"][below(random, 7)]),
    );
    return Uint8Array.from(out);
  },
  function noise(_, random) {
    return Uint8Array.from({ length: below(random, 300) }, () => below(random, 256));
  },
];

/** One bad file. The same random numbers give the same file. */
export function mutate(seed: Seed, seeds: readonly Seed[], random: Random): Uint8Array {
  const other = seeds[below(random, seeds.length)].bytes;
  let bytes = seed.bytes;
  for (let i = below(random, 3); i >= 0; i--) bytes = mutations[below(random, mutations.length)](bytes, random, other);
  return bytes;
}

/** The same for an archive, one of whose members is changed; the archive itself is whole. */
export async function mutateMember(seed: Seed, seeds: readonly Seed[], random: Random): Promise<Uint8Array> {
  const members = [...(await readZip(seed.bytes, seed.name))];
  const chosen = below(random, members.length);
  return encodeZip(
    members.map(([name, bytes], i) => [name, i === chosen ? mutate({ name, bytes }, seeds, random) : bytes] as const),
  );
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
