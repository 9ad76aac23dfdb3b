/** What the layers above may use of the library of layers: the names, listed by hand. */

export { type Activation, type ActivationName, activationOf } from "./activations.ts";
export {
  type AttentionMechanism,
  type BahdanauOptions,
  bahdanau,
  type LuongOptions,
  luong,
  type MechanismDefinition,
  type Monotonic,
} from "./attention/mechanism.ts";
export { type MonotonicMode, monotonicModes, monotonicWeights } from "./attention/monotonic.ts";
export { type AttentionOptions, attentionCell } from "./cells/attention.ts";
export { type AttentionCellWrapperOptions, attentionCellWrapper } from "./cells/attentionCellWrapper.ts";
export type { Cell, CellCall, CellDefinition, CellResult, ConstantShapes, StepShapes } from "./cells/cell.ts";
export { type ClockworkOptions, clockworkCell } from "./cells/clockwork.ts";
export { type ConvLSTMOptions, convLSTM1DCell, convLSTM2DCell, convLSTM3DCell } from "./cells/convLSTM.ts";
export { type CellSpec, defineCell } from "./cells/define.ts";
export type { DropoutSharing } from "./cells/drop.ts";
export { type DropoutCellOptions, type DropoutSite, dropoutCell } from "./cells/dropout.ts";
export { type GruOptions, gruCell } from "./cells/gru.ts";
export { type IndRNNOptions, indRNNCell } from "./cells/indRNN.ts";
export { type IntersectionRNNOptions, intersectionRNNCell } from "./cells/intersectionRNN.ts";
export type { CellOptions, ClassicCellOptions, OptionsOfWeights } from "./cells/kernels.ts";
export { type CellMaker, type CellMakers, cellFromDefinition } from "./cells/kinds.ts";
export { type LstmOptions, lstmCell } from "./cells/lstm.ts";
export { type MguOptions, mguCell } from "./cells/mgu.ts";
export { type NasOptions, nasCell } from "./cells/nas.ts";
export { type PhasedLSTMOptions, phasedLSTMCell } from "./cells/phasedLSTM.ts";
export { inputProjectionCell, outputProjectionCell, type ProjectionOptions } from "./cells/projection.ts";
export { type HighwayCellOptions, highwayCell, residualCell } from "./cells/residual.ts";
export { type SimpleRNNOptions, simpleRNNCell } from "./cells/simpleRNN.ts";
export { type SruOptions, sruCell } from "./cells/sru.ts";
export { type Cells, stack as stackCells } from "./cells/stack.ts";
export { type UgrnnOptions, ugrnnCell } from "./cells/ugrnn.ts";
export { weightNormCell } from "./cells/weightNorm.ts";
export { type Wrapping, wrapCell } from "./cells/wrap.ts";
export { type ZoneoutOptions, zoneoutCell } from "./cells/zoneout.ts";
export { type LayerDefinition, type LayerMakers, layerKinds } from "./kinds.ts";
export {
  type Context,
  context,
  type InitialStateCall,
  type Layer,
  type LayerCall,
  type LayerResult,
  type NamedTensors,
  type ParamSpec,
  type Recurrence,
  type StateSpec,
  type Stepping,
  stateOf,
  type WeightOptions,
  weight,
} from "./layer.ts";
export { activation } from "./layers/activation.ts";
export {
  type AdditiveAttentionOptions,
  type AttentionLayerOptions,
  additiveAttention,
  attention,
} from "./layers/attention.ts";
export { concatCondition, conditionLayer } from "./layers/condition.ts";
export { convLSTM1D, convLSTM2D, convLSTM3D } from "./layers/convLSTM.ts";
export { type ConvolutionOptions, conv1D, conv2D, conv3D } from "./layers/convolution.ts";
export { type ConvolveOptions, convolve } from "./layers/convolve.ts";
export { type DenseOptions, dense } from "./layers/dense.ts";
export { type DotAxes, type DotOptions, dotLayer } from "./layers/dot.ts";
export { type EmbeddingOptions, embedding } from "./layers/embedding.ts";
export { type GaussianSampleOptions, gaussianSample } from "./layers/gaussianSample.ts";
export { type HighwayOptions, highway } from "./layers/highway.ts";
export {
  addLayer,
  averageLayer,
  type ConcatenateOptions,
  concatenate,
  type MergeOptions,
  maximumLayer,
  minimumLayer,
  multiplyLayer,
  subtractLayer,
} from "./layers/merge.ts";
export { type DropoutOptions, dropout, gaussianDropout, gaussianNoise, spatialDropout1D } from "./layers/noise.ts";
export {
  type BatchNormalizationOptions,
  batchNormalization,
  type LayerNormalizationOptions,
  layerNormalization,
  unitNormalization,
} from "./layers/normalisation.ts";
export {
  averagePooling1D,
  averagePooling2D,
  type GlobalPoolingOptions,
  globalAveragePooling1D,
  globalAveragePooling2D,
  globalMaxPooling1D,
  globalMaxPooling2D,
  maxPooling1D,
  maxPooling2D,
  type PoolingOptions,
} from "./layers/pooling.ts";
export { type PreluOptions, prelu } from "./layers/prelu.ts";
export {
  type NormalizationOptions,
  normalization,
  type PerFeature,
  type RescalingOptions,
  rescaling,
} from "./layers/scaling.ts";
export {
  cropping1D,
  type Ends,
  flatten,
  lastStep,
  type PermuteOptions,
  permute,
  type RepeatVectorOptions,
  type ReshapeOptions,
  repeatVector,
  reshapeLayer,
  upSampling1D,
  zeroPadding1D,
} from "./layers/shape.ts";
export type { PerAxis } from "./layers/sliding.ts";
export { timeDistributed } from "./layers/timeDistributed.ts";
export type { Padding } from "./layers/windows.ts";
export {
  Model,
  type ModelOptions,
  model,
  modelFromDefinition,
  type RunOptions,
  type RunResult,
  sequential,
} from "./model/model.ts";
export type { State } from "./model/state.ts";
export { type Outputs, Stream } from "./model/stream.ts";
export { type ModelDefinition, type OwnKinds, weightShapes } from "./network/definition.ts";
export {
  type CallOptions,
  call,
  type InputOptions,
  type InputShape,
  input,
  type SymbolicState,
  type SymbolicTensor,
} from "./network/drawing.ts";
export type { ByName, ForwardCall, ForwardResult } from "./network/forward.ts";
export type { ModelInput } from "./network/inputs.ts";
export type { Network } from "./network/network.ts";
export {
  checkOptionNames,
  type Json,
  type OptionRule,
  type Options,
  readOptions,
  unknownName,
} from "./options.ts";
export { type BidirectionalOptions, bidirectional } from "./recurrent/bidirectional.ts";
export { type ConditionedStateOptions, conditionedState } from "./recurrent/conditioning.ts";
export { masking, type SequenceInput, withLengths, withMask } from "./recurrent/masking.ts";
export { gru, lstm, type RnnOptions, rnn, simpleRNN } from "./recurrent/rnn.ts";
export {
  type RunCellOptions,
  type RunCellResult,
  type RunCellStepOptions,
  runCell,
  runCellStep,
} from "./recurrent/runCell.ts";
export { adaptNormalization } from "./weights/adapt.ts";
export { type Constraint, type ConstraintName, constrained } from "./weights/constraints.ts";
export { readGates, writeGates } from "./weights/gates.ts";
export { type Initializer, type InitializerName, initialValue } from "./weights/initializers.ts";
export {
  type ExportOptions,
  exportWeights,
  importWeights,
  type LayoutOptions,
  weightsToImport,
} from "./weights/layouts/convert.ts";
export { type ExplainOptions, explainLayout } from "./weights/layouts/explain.ts";
export { gateOrder, type LayoutName, weightLayouts } from "./weights/layouts/formats.ts";
export { RawFloats } from "./weights/layouts/grid.ts";
export type {
  AllowedOptions,
  ArrayLayout,
  CellLayout,
  PackedBlock,
  PackedKind,
  PackedPlace,
  PackedSource,
  WeightLayout,
} from "./weights/layouts/layout.ts";
export type { GivenArray, GivenArrays, PackedArray, PlainArray, PlainArrays } from "./weights/layouts/pieces.ts";
export { stretchOf } from "./weights/layouts/pieces.ts";
export { type Regularizer, type RegularizerName, regularization } from "./weights/regularizers.ts";
export { transplant, type Weighted } from "./weights/weights.ts";
