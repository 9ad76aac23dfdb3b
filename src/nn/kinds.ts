/** The layers by kind: the one table by which a stored definition becomes layers again. */
import { OptionError } from "../base/errors.ts";
import { activation } from "./activationLayer.ts";
import type { Activation } from "./activations.ts";
import type { CellDefinition } from "./cells/cell.ts";
import { type CellMakers, cellFromDefinition } from "./cells/kinds.ts";
import { type DenseOptions, dense } from "./dense.ts";
import { type DropoutOptions, dropout } from "./dropout.ts";
import { type EmbeddingOptions, embedding } from "./embedding.ts";
import { describeLayer, type Layer } from "./layer.ts";
import type { Json } from "./options.ts";
import { gru, lstm, rnn, simpleRNN } from "./rnn.ts";

/** A layer as a definition holds it. */
export interface LayerDefinition {
  readonly name: string;
  readonly kind: string;
  readonly options: { readonly [name: string]: Json };
}

/** Constructors of the user's own layers by kind. */
export type LayerMakers = { readonly [kind: string]: (options: never) => Layer };

type Named<O> = O & { readonly name: string };
type LayerMaker = (options: { readonly name: string; readonly [name: string]: Json }, cells: CellMakers) => Layer;

/** From kind to constructor; `options` are those of the layer with its name. */
export const layerKinds: { readonly [kind: string]: LayerMaker } = Object.freeze({
  simpleRNN: (options) => simpleRNN(options as unknown as Parameters<typeof simpleRNN>[0]),
  lstm: (options) => lstm(options as unknown as Parameters<typeof lstm>[0]),
  gru: (options) => gru(options as unknown as Parameters<typeof gru>[0]),
  rnn: ({ cell, ...how }, cells) =>
    rnn(cellFromDefinition(describeLayer("rnn", how.name), cell as unknown as CellDefinition, cells), how),
  embedding: (options) => embedding(options as unknown as Named<EmbeddingOptions>),
  dense: (options) => dense(options as unknown as Named<DenseOptions>),
  dropout: (options) => dropout(options as unknown as Named<DropoutOptions>),
  activation: ({ activation: chosen, ...rest }) => activation(chosen as Activation, rest),
} satisfies Record<string, LayerMaker>);

/** The layer of a definition. Raises OptionError for a kind that is not known. */
export function layerFromDefinition(
  definition: LayerDefinition,
  own: { readonly cells: CellMakers; readonly layers: LayerMakers },
): Layer {
  const { kind, name } = definition;
  const options = { ...definition.options, name };
  if (Object.hasOwn(own.layers, kind)) return (own.layers[kind] as (options: object) => Layer)(options);
  if (Object.hasOwn(layerKinds, kind)) return layerKinds[kind](options, own.cells);
  const known = [...Object.keys(layerKinds), ...Object.keys(own.layers)];
  throw new OptionError(
    `layer "${name}": expected a known kind of layer (${known.join(", ")}), got "${kind}". If it is your own, pass its constructor as { layers: { ${kind}: (options) => ... } }.`,
    { kind, known },
  );
}
