/** STUB until it lands. */
import type { Graph, Value } from "../graph/graph.ts";
export function rowsOf(_body: Graph, _params: unknown): ReadonlyMap<Value, number> | undefined {
  return undefined;
}
