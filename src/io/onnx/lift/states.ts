/** Which inputs of a graph are nothing but the states that recurrent nodes begin with. */
import type { OnnxGraph } from "../messages.ts";

const movers = new Set([
  "Slice",
  "Gather",
  "Squeeze",
  "Unsqueeze",
  "Transpose",
  "Reshape",
  "Split",
  "Identity",
  "Cast",
  "Expand",
  "Shape",
  "Concat",
]);
const recurrent = new Set(["LSTM", "GRU", "RNN"]);

/** Names of inputs that reach recurrent nodes as initial states and go nowhere else. */
export function statesOf({ nodes, inputs }: OnnxGraph): ReadonlySet<string> {
  // From the last node to the first: whether every use of a name is that of a state.
  const elsewhere = new Set<string>();
  const asState = new Set<string>();
  for (const node of [...nodes].reverse()) {
    const isMover = movers.has(node.opType);
    const isState =
      isMover && node.outputs.some((name) => asState.has(name)) && !node.outputs.some((name) => elsewhere.has(name));
    for (const [i, name] of node.inputs.entries()) {
      if (recurrent.has(node.opType) && i >= 5 && i <= 6) asState.add(name);
      else if (isMover && (i === 0 || node.opType === "Concat") && (isState || node.opType === "Shape"))
        asState.add(name);
      else elsewhere.add(name);
    }
  }
  return new Set(
    inputs.flatMap(({ name }) => (asState.has(name) && !elsewhere.has(name) && hasUse(name, nodes) ? [name] : [])),
  );
}

/** Sizes alone are no use. */
function hasUse(name: string, nodes: OnnxGraph["nodes"]): boolean {
  return nodes.some(({ opType, inputs }) => opType !== "Shape" && inputs.includes(name));
}
