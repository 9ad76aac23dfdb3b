/**
 * Bidirectional layers as converters write them where they do not use the bidirectional operator: one recurrent operator
 * over a sequence, another over the sequence turned round, whose output is turned round again, and both side by side.
 */
import { bidirectional } from "../../nn/index.ts";
import { addLayer, type Drawing, refusal, type Value, valueOf, wholesAt } from "./drawing.ts";
import type { TfliteOperator } from "./schema.ts";

/** REVERSE_V2 of the time axis: nothing is drawn, but who reads the value must know. */
export function drawReverse(drawing: Drawing, operator: TfliteOperator): Value {
  const x = valueOf(drawing, operator, 0, { mayBeTurned: true });
  const axes = wholesAt(drawing, operator, 1);
  const time = x.form === "timeMajor" ? 0 : 1;
  if (axes.length === 1 && (axes[0] === time || axes[0] === time - 3) && x.form !== "flat" && x.sizes.length === 2) {
    return { ...x, isTurned: !x.isTurned };
  }
  throw refusal(drawing, operator, "a sequence turned round in time", `axes [${axes.join(", ")}]`);
}

/**
 * The bidirectional layer that two values side by side are; undefined if they are none. The two layers that were drawn
 * for them become one, so nothing else may read them.
 */
export function joinDirections(drawing: Drawing, operator: TfliteOperator): Value | undefined {
  const values = operator.inputs.map((index) => drawing.values.get(index));
  const [first, second] = values;
  if (values.length !== 2 || first === undefined || second === undefined) return undefined;
  const [forward, backward] = [first, second].map(({ name }) => drawing.layers.get(name));
  const fits =
    !first.isTurned && second.isTurned && first.form === second.form && forward?.from[0] === backward?.from[0];
  if (!fits || forward === undefined || backward === undefined) return undefined;
  const isSequence = [forward, backward].every(({ layer }) => layer.recurrence?.returnSequences === true);
  const isOpposite = forward.layer.recurrence?.goBackwards === false && backward.layer.recurrence?.goBackwards === true;
  if (!isSequence || !isOpposite || !isReadHereOnly(drawing, operator)) return undefined;
  const input = [...drawing.values.values()].find(({ name }) => name === forward.from[0]);
  if (input === undefined) return undefined;
  const layer = bidirectional(forward.layer, { backwardLayer: backward.layer });
  const sizes = [first.sizes[0], first.sizes[1] + second.sizes[1]];
  for (const { name } of [first, second]) drawing.layers.delete(name);
  const result = addLayer(drawing, layer, [input], { form: first.form, sizes });
  const moved = new Map([
    [`${first.name}.`, `${result.name}.forward.`],
    [`${second.name}.`, `${result.name}.backward.`],
  ]);
  drawing.weights.forEach((weight, i) => {
    const start = weight.path.slice(0, weight.path.indexOf(".") + 1);
    const path = (moved.get(start) ?? start) + weight.path.slice(start.length);
    drawing.weights[i] = { ...weight, path };
  });
  return result;
}

/** Whether the outputs of both operators go here and nowhere else, that of the second through the reversal. */
function isReadHereOnly({ readers, graph, values }: Drawing, { inputs }: TfliteOperator): boolean {
  const names = inputs.map((index) => values.get(index)?.name);
  const holders = [...values].filter(([, value]) => names.includes(value.name)).map(([index]) => index);
  const isOutput = graph.outputs.some((index) => holders.includes(index));
  return !isOutput && holders.every((index) => (readers.get(index) ?? []).length === 1);
}
