/** What the tests of TensorFlow 1's checkpoints share: reading fixtures. */
import { readFileSync } from "node:fs";
import type { HostTensors } from "../../../src/io/hostTensor.ts";
import { decodeNpz } from "../../../src/io/node/npz.ts";
import { decodeTf1, type ShardReader } from "../../../src/io/tf1/bundle.ts";

export function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`../fixtures/tf1/${name}`, import.meta.url)));
}

/** The shards of a checkpoint, by the names that TensorFlow gives them. */
export function shardsOf(name: string): ShardReader {
  const five = (n: number): string => String(n).padStart(5, "0");
  return (shard, of) => fixture(`${name}.data-${five(shard)}-of-${five(of)}`);
}

export function readCase(name: string): { variables: HostTensors; numbers: HostTensors } {
  const variables = decodeTf1(fixture(`${name}.index`), shardsOf(name), `${name}.index`);
  return { variables, numbers: decodeNpz(fixture(`${name}.npz`)) };
}
