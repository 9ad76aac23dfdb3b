/**
 * The layers that Keras and Recurve both have: one row a class, with every option and the order of its weights, read and
 * written by the same row. Wrappers, cells and whole networks are in `wrappers.ts` and `network.ts`.
 */
import { UnsupportedError } from "../../base/errors.ts";
import {
  activation,
  camelCase,
  constraint,
  fieldsOf,
  initializer,
  plain,
  refusal,
  regularizer,
  type ValueRule,
} from "./values.ts";

/** An option of a Keras layer. */
export interface OptionRow {
  /** Recurve's option; undefined for one that Recurve does not need. */
  readonly option?: string;
  readonly rule: ValueRule;
}

export interface LayerRow {
  readonly kind: string;
  /** By Keras' names. */
  readonly options: Readonly<Record<string, OptionRow>>;
  /** Recurve's names of the weights in Keras' order; those that the layer does not have are skipped. */
  readonly weights: readonly string[];
  /** Keras' name of a whole number that it keeps after weights that are statistics of data, and that nothing is computed from. */
  readonly counter?: string;
}

const as = (option: string, rule: ValueRule = plain): OptionRow => ({ option, rule });

/** An option that changes no numbers, and what is written for it. */
function unused(written: unknown): OptionRow {
  return { rule: { read: () => undefined, write: () => written } };
}

/** An option of which Recurve has only these values, the first of which is Keras' own: nothing is written. */
function only(...values: readonly unknown[]): OptionRow {
  const read = (value: unknown, { where }: { readonly where: string }): undefined => {
    if (values.some((one) => JSON.stringify(one) === JSON.stringify(value))) return undefined;
    const named = values.filter((one) => one !== undefined);
    throw refusal(where, named.map((one) => JSON.stringify(one)).join(" or "), value);
  };
  return { rule: { read, write: () => undefined } };
}

/** In Keras a choice of each call, which no file has. */
const causal = as("useCausalMask", {
  read: plain.read,
  write: (value) => {
    if (value !== true) return undefined;
    throw new UnsupportedError(
      "expected attention without a causal mask, which Keras has in its calls only, got one. Write a safetensors or ONNX file instead.",
    );
  },
});

/** The initialiser, regulariser and constraint of a weight: `kernel_initializer`, ... */
function weight(name: string, option = camelCase(name)): Record<string, OptionRow> {
  return {
    [`${name}_initializer`]: as(`${option}Initializer`, initializer),
    [`${name}_regularizer`]: as(`${option}Regularizer`, regularizer),
    [`${name}_constraint`]: as(`${option}Constraint`, constraint),
  };
}

/** Sizes of one axis: Keras writes [3], Recurve 3. */
const single: ValueRule = {
  read: (value, at) => plain.read(Array.isArray(value) && value.length === 1 ? value[0] : value, at),
  write: (value) => (Array.isArray(value) ? value : [value]),
};

/** A number or a list, which Keras 3 may hold as an array of NumPy. */
const numbers: ValueRule = {
  read: (value, at) => {
    const { class_name: className, config } = fieldsOf(value);
    return plain.read(className === "__numpy__" ? fieldsOf(config).value : value, at);
  },
  write: plain.write,
};

/** Keras writes the axes that keep their statistics as a list: that of the features, or none. */
const statisticsAxis: ValueRule = {
  read: (value, { where }) => {
    const [axis, ...others]: readonly unknown[] = Array.isArray(value) ? value : value === null ? [] : [value];
    if (others.length === 0 && (axis === undefined || axis === -1)) return axis ?? "all";
    throw refusal(where, "the last axis, -1, or null for all numbers", value);
  },
  write: (value) => (value === "all" ? [] : [value]),
};

const activity = { activity_regularizer: as("activityRegularizer", regularizer) };
const channelsLast = { data_format: only("channels_last", null) };

function row(kind: string, options: Readonly<Record<string, OptionRow>>, weights: readonly string[] = []): LayerRow {
  return { kind, options, weights };
}

// ---- recurrent ---------------------------------------------------------------------------------------------------

const kernels = { ...weight("kernel"), ...weight("recurrent"), ...weight("bias") };
const recurrentWeights = ["kernel", "recurrentKernel", "bias"];
const simpleOptions = {
  units: as("units"),
  activation: as("activation", activation),
  use_bias: as("useBias"),
  ...kernels,
  dropout: as("dropout"),
  recurrent_dropout: as("recurrentDropout"),
  seed: unused(null),
};
const gatedOptions = {
  ...simpleOptions,
  recurrent_activation: as("recurrentActivation", activation),
  implementation: unused(2),
};
const lstmOptions = { ...gatedOptions, unit_forget_bias: as("unitForgetBias") };
const gruOptions = { ...gatedOptions, reset_after: as("resetAfter") };

/** How a cell is driven. `return_state` is written by whoever knows whether the state is read. */
export const drivingOptions: Readonly<Record<string, OptionRow>> = {
  return_sequences: as("returnSequences"),
  return_state: unused(false),
  go_backwards: as("goBackwards"),
  stateful: unused(false),
  unroll: unused(false),
  zero_output_for_mask: as("zeroOutputForMask"),
  time_major: only(false, null),
  input_dim: unused(undefined),
  input_length: unused(undefined),
};

/** Cells by Keras' class names; dropout is an option of the layer around them. */
export const cellRows: Readonly<Record<string, LayerRow>> = {
  SimpleRNNCell: row("simpleRNN", simpleOptions, recurrentWeights),
  LSTMCell: row("lstm", lstmOptions, recurrentWeights),
  GRUCell: row("gru", gruOptions, recurrentWeights),
};

const convLstm = {
  filters: as("filters"),
  activation: as("activation", activation),
  recurrent_activation: as("recurrentActivation", activation),
  use_bias: as("useBias"),
  unit_forget_bias: as("unitForgetBias"),
  padding: as("padding"),
  ...kernels,
  ...channelsLast,
  ...drivingOptions,
  ...activity,
  dropout: as("dropout"),
  recurrent_dropout: as("recurrentDropout"),
  seed: unused(null),
};
const sizes = { kernel_size: as("kernelSize"), strides: as("strides"), dilation_rate: as("dilationRate") };
const singleSizes = {
  kernel_size: as("kernelSize", single),
  strides: as("strides", single),
  dilation_rate: as("dilationRate", single),
};

// ---- convolution and pooling -------------------------------------------------------------------------------------

const convolution = {
  filters: as("filters"),
  padding: as("padding"),
  activation: as("activation", activation),
  use_bias: as("useBias"),
  groups: only(1, undefined),
  ...weight("kernel"),
  ...weight("bias"),
  ...channelsLast,
  ...activity,
};
const pooling = { pool_size: as("poolSize"), strides: as("strides"), padding: as("padding"), ...channelsLast };
const pooling1D = { ...pooling, pool_size: as("poolSize", single), strides: as("strides", single) };
const globalPooling = { keepdims: as("keepDims"), ...channelsLast };

/** Epsilon, gamma and beta: what normalisations share. */
const normal = {
  epsilon: as("epsilon"),
  center: as("center"),
  scale: as("scale"),
  ...weight("beta"),
  ...weight("gamma"),
};
const lastAxis: OptionRow = {
  rule: {
    // Keras writes the axis as a place from the front, in a list or alone, once the layer is built.
    read: (value, { where, rank }) => {
      const axis: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value;
      const isLast = rank === undefined ? typeof axis === "number" && axis > 0 : axis === rank - 1;
      if (axis === -1 || isLast) return undefined;
      throw refusal(where, "the last axis", value);
    },
    write: () => -1,
  },
};

const randomness = { seed: unused(null), noise_shape: only(null, undefined) };

/** Layers by Keras' class names. */
export const layerRows: Readonly<Record<string, LayerRow>> = {
  SimpleRNN: row("simpleRNN", { ...simpleOptions, ...drivingOptions, ...activity }, recurrentWeights),
  LSTM: row("lstm", { ...lstmOptions, ...drivingOptions, ...activity, use_cudnn: unused("auto") }, recurrentWeights),
  GRU: row("gru", { ...gruOptions, ...drivingOptions, ...activity, use_cudnn: unused("auto") }, recurrentWeights),
  ConvLSTM1D: row("convLSTM1D", { ...convLstm, ...singleSizes }, recurrentWeights),
  ConvLSTM2D: row("convLSTM2D", { ...convLstm, ...sizes }, recurrentWeights),
  ConvLSTM3D: row("convLSTM3D", { ...convLstm, ...sizes }, recurrentWeights),
  Dense: row(
    "dense",
    {
      units: as("units"),
      activation: as("activation", activation),
      use_bias: as("useBias"),
      ...weight("kernel"),
      ...weight("bias"),
      ...activity,
      lora_rank: only(null, undefined),
      quantization_config: only(null, undefined),
    },
    ["kernel", "bias"],
  ),
  Embedding: row(
    "embedding",
    {
      input_dim: as("inputDim"),
      output_dim: as("outputDim"),
      mask_zero: as("maskZero"),
      ...weight("embeddings"),
      ...activity,
      input_length: unused(undefined),
      lora_rank: only(null, undefined),
      quantization_config: only(null, undefined),
    },
    ["embeddings"],
  ),
  Masking: row("masking", { mask_value: as("maskValue") }),
  Dropout: row("dropout", { rate: as("rate"), ...randomness }),
  SpatialDropout1D: row("spatialDropout1D", { rate: as("rate"), ...randomness }),
  GaussianDropout: row("gaussianDropout", { rate: as("rate"), seed: unused(null) }),
  GaussianNoise: row("gaussianNoise", { stddev: as("stddev"), seed: unused(null) }),
  Activation: row("activation", { activation: as("activation", activation) }),
  Concatenate: row("concatenate", { axis: as("axis") }),
  Add: row("addLayer", {}),
  Subtract: row("subtractLayer", {}),
  Multiply: row("multiplyLayer", {}),
  Average: row("averageLayer", {}),
  Maximum: row("maximumLayer", {}),
  Minimum: row("minimumLayer", {}),
  Dot: row("dotLayer", { axes: as("axes"), normalize: as("normalize") }),
  RepeatVector: row("repeatVector", { n: as("n") }),
  Reshape: row("reshapeLayer", { target_shape: as("targetShape") }),
  Flatten: row("flatten", channelsLast),
  Permute: row("permute", { dims: as("dims") }),
  UpSampling1D: row("upSampling1D", { size: as("size") }),
  ZeroPadding1D: row("zeroPadding1D", { padding: as("padding"), ...channelsLast }),
  Cropping1D: row("cropping1D", { cropping: as("cropping") }),
  LayerNormalization: row("layerNormalization", { axis: lastAxis, ...normal, rms_scaling: only(false, undefined) }, [
    "gamma",
    "beta",
  ]),
  BatchNormalization: row(
    "batchNormalization",
    {
      axis: lastAxis,
      momentum: as("momentum"),
      ...normal,
      moving_mean_initializer: as("movingMeanInitializer", initializer),
      moving_variance_initializer: as("movingVarianceInitializer", initializer),
      synchronized: only(false, undefined),
      renorm: only(false, undefined),
      renorm_clipping: unused(undefined),
      renorm_momentum: unused(undefined),
      virtual_batch_size: only(null, undefined),
    },
    ["gamma", "beta", "movingMean", "movingVariance"],
  ),
  UnitNormalization: row("unitNormalization", { axis: lastAxis }),
  Normalization: {
    ...row(
      "normalization",
      {
        axis: as("axis", statisticsAxis),
        mean: as("mean", numbers),
        variance: as("variance", numbers),
        invert: as("invert"),
      },
      ["mean", "variance"],
    ),
    counter: "count",
  },
  Rescaling: row("rescaling", { scale: as("scale", numbers), offset: as("offset", numbers) }),
  PReLU: row("prelu", { ...weight("alpha"), shared_axes: as("sharedAxes") }, ["alpha"]),
  Conv1D: row("conv1D", { ...convolution, ...singleSizes }, ["kernel", "bias"]),
  Conv2D: row("conv2D", { ...convolution, ...sizes }, ["kernel", "bias"]),
  Conv3D: row("conv3D", { ...convolution, ...sizes }, ["kernel", "bias"]),
  MaxPooling1D: row("maxPooling1D", pooling1D),
  MaxPooling2D: row("maxPooling2D", pooling),
  AveragePooling1D: row("averagePooling1D", pooling1D),
  AveragePooling2D: row("averagePooling2D", pooling),
  GlobalMaxPooling1D: row("globalMaxPooling1D", globalPooling),
  GlobalMaxPooling2D: row("globalMaxPooling2D", globalPooling),
  GlobalAveragePooling1D: row("globalAveragePooling1D", globalPooling),
  GlobalAveragePooling2D: row("globalAveragePooling2D", globalPooling),
  Attention: row(
    "attention",
    {
      use_scale: as("useScale"),
      score_mode: as("scoreMode"),
      dropout: as("dropout"),
      use_causal_mask: causal,
      seed: unused(null),
    },
    ["scale", "concatScoreWeight"],
  ),
  AdditiveAttention: row(
    "additiveAttention",
    { use_scale: as("useScale"), dropout: as("dropout"), use_causal_mask: causal, seed: unused(null) },
    ["scale"],
  ),
};
