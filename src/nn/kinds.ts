/** The layers by kind: the one table by which a stored definition becomes layers again. */
import { OptionError } from "../base/errors.ts";
import { meantName } from "../base/names.ts";
import type { Activation } from "./activations.ts";
import type { CellDefinition } from "./cells/cell.ts";
import { type CellMakers, cellFromDefinition } from "./cells/kinds.ts";
import { describeLayer, type Layer } from "./layer.ts";
import { activation } from "./layers/activation.ts";
import { additiveAttention, attention } from "./layers/attention.ts";
import { conditionLayer } from "./layers/condition.ts";
import { convLSTM1D, convLSTM2D, convLSTM3D } from "./layers/convLSTM.ts";
import { conv1D, conv2D, conv3D } from "./layers/convolution.ts";
import { dense } from "./layers/dense.ts";
import { dotLayer } from "./layers/dot.ts";
import { embedding } from "./layers/embedding.ts";
import { gaussianSample } from "./layers/gaussianSample.ts";
import { highway } from "./layers/highway.ts";
import {
  addLayer,
  averageLayer,
  concatenate,
  maximumLayer,
  minimumLayer,
  multiplyLayer,
  subtractLayer,
} from "./layers/merge.ts";
import { dropout, gaussianDropout, gaussianNoise, spatialDropout1D } from "./layers/noise.ts";
import { batchNormalization, layerNormalization, unitNormalization } from "./layers/normalisation.ts";
import {
  averagePooling1D,
  averagePooling2D,
  globalAveragePooling1D,
  globalAveragePooling2D,
  globalMaxPooling1D,
  globalMaxPooling2D,
  maxPooling1D,
  maxPooling2D,
} from "./layers/pooling.ts";
import { prelu } from "./layers/prelu.ts";
import { normalization, rescaling } from "./layers/scaling.ts";
import {
  cropping1D,
  flatten,
  lastStep,
  permute,
  repeatVector,
  reshapeLayer,
  upSampling1D,
  zeroPadding1D,
} from "./layers/shape.ts";
import { timeDistributed } from "./layers/timeDistributed.ts";
import type { Json } from "./options.ts";
import { bidirectional } from "./recurrent/bidirectional.ts";
import { applyMask, lengthsMask, masking } from "./recurrent/masking.ts";
import { gru, lstm, rnn, simpleRNN } from "./recurrent/rnn.ts";

/** A layer as a definition holds it. */
export interface LayerDefinition {
  readonly name: string;
  readonly kind: string;
  readonly options: { readonly [name: string]: Json };
}

/** Constructors of the user's own layers by kind. */
export type LayerMakers = { readonly [kind: string]: (options: never) => Layer };

type LayerMaker = (options: { readonly name: string; readonly [name: string]: Json }, own: OwnMakers) => Layer;

/** Constructors of the user's own cells and layers, for those inside of others. */
export interface OwnMakers {
  readonly cells: CellMakers;
  readonly layers: LayerMakers;
}

/** The maker of a layer whose constructor takes what the file holds. */
function plain<O>(make: (options: O) => Layer): LayerMaker {
  return (options) => make(options as unknown as O);
}

/** From kind to constructor; `options` are those of the layer with its name. */
export const layerKinds: { readonly [kind: string]: LayerMaker } = Object.freeze({
  simpleRNN: (options) => simpleRNN(options as unknown as Parameters<typeof simpleRNN>[0]),
  lstm: (options) => lstm(options as unknown as Parameters<typeof lstm>[0]),
  gru: (options) => gru(options as unknown as Parameters<typeof gru>[0]),
  rnn: ({ cell, ...how }, { cells }) =>
    rnn(cellFromDefinition(describeLayer("rnn", how.name), cell as unknown as CellDefinition, cells), how),
  bidirectional: ({ layer, backwardLayer, ...rest }, own) =>
    bidirectional(innerLayer(layer, own), {
      ...rest,
      ...(backwardLayer === undefined ? {} : { backwardLayer: innerLayer(backwardLayer, own) }),
    }),
  masking: (options) => masking(options),
  lengthsMask: (options) => lengthsMask(options),
  applyMask: (options) => applyMask(options),
  embedding: plain(embedding),
  dense: plain(dense),
  dropout: plain(dropout),
  activation: ({ activation: chosen, ...rest }) => activation(chosen as Activation, rest),
  timeDistributed: ({ layer, ...rest }, own) => timeDistributed(innerLayer(layer, own), rest),
  convLSTM1D: plain(convLSTM1D),
  convLSTM2D: plain(convLSTM2D),
  convLSTM3D: plain(convLSTM3D),
  conv1D: plain(conv1D),
  conv2D: plain(conv2D),
  conv3D: plain(conv3D),
  maxPooling1D: plain(maxPooling1D),
  maxPooling2D: plain(maxPooling2D),
  averagePooling1D: plain(averagePooling1D),
  averagePooling2D: plain(averagePooling2D),
  globalMaxPooling1D: plain(globalMaxPooling1D),
  globalMaxPooling2D: plain(globalMaxPooling2D),
  globalAveragePooling1D: plain(globalAveragePooling1D),
  globalAveragePooling2D: plain(globalAveragePooling2D),
  addLayer: plain(addLayer),
  averageLayer: plain(averageLayer),
  concatenate: plain(concatenate),
  dotLayer: plain(dotLayer),
  conditionLayer: plain(conditionLayer),
  maximumLayer: plain(maximumLayer),
  minimumLayer: plain(minimumLayer),
  multiplyLayer: plain(multiplyLayer),
  subtractLayer: plain(subtractLayer),
  cropping1D: plain(cropping1D),
  flatten: plain(flatten),
  lastStep: plain(lastStep),
  permute: plain(permute),
  repeatVector: plain(repeatVector),
  reshapeLayer: plain(reshapeLayer),
  upSampling1D: plain(upSampling1D),
  zeroPadding1D: plain(zeroPadding1D),
  batchNormalization: plain(batchNormalization),
  layerNormalization: plain(layerNormalization),
  unitNormalization: plain(unitNormalization),
  normalization: plain(normalization),
  rescaling: plain(rescaling),
  prelu: plain(prelu),
  gaussianDropout: plain(gaussianDropout),
  gaussianNoise: plain(gaussianNoise),
  gaussianSample: plain(gaussianSample),
  spatialDropout1D: plain(spatialDropout1D),
  highway: plain(highway),
  additiveAttention: plain(additiveAttention),
  attention: plain(attention),
} satisfies Record<string, LayerMaker>);

/** The layer of a definition. Raises OptionError for a kind that is not known. */
export function layerFromDefinition(definition: LayerDefinition, own: OwnMakers): Layer {
  const { kind, name } = definition;
  const options = { ...definition.options, name };
  if (Object.hasOwn(own.layers, kind)) return (own.layers[kind] as (options: object) => Layer)(options);
  if (Object.hasOwn(layerKinds, kind)) return layerKinds[kind](options, own);
  const known = [...Object.keys(layerKinds), ...Object.keys(own.layers)];
  if (typeof kind !== "string")
    throw new OptionError(`layer "${name}": expected a kind of layer, got none. Name it as "kind".`);
  const near = meantName(kind, known);
  const advice = near === undefined ? "" : ` Did you mean "${near}"?`;
  throw new OptionError(
    `layer "${name}": expected a kind of layer that is known, got "${kind}".${advice} If it is your own, pass its constructor as { layers: { ${kind}: (options) => ... } }.`,
    { kind, known },
  );
}

/** A layer that another one holds. */
function innerLayer(definition: Json, own: OwnMakers): Layer {
  return layerFromDefinition(definition as unknown as LayerDefinition, own);
}
