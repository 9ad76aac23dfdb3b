"""The shapes in Keras, on TensorFlow or on JAX: train_on_batch and predict_on_batch of a Sequential model.

On TensorFlow a model is tried compiled by XLA and not, and the faster is taken: neither is so for all shapes.
"""

import time

import keras
import numpy as np
from data import Unsupported, batch_of, normal
from keras import layers

LOSSES = {
    "sparseCategoricalCrossentropy": lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    "binaryCrossentropy": lambda: keras.losses.BinaryCrossentropy(from_logits=True),
    "meanSquaredError": lambda: keras.losses.MeanSquaredError(),
}
LAYERS = {"simpleRNN": layers.SimpleRNN, "gru": layers.GRU, "lstm": layers.LSTM}
CELLS = {"gru": layers.GRUCell, "lstm": layers.LSTMCell}


def layer_of(layer):
    kind = layer["kind"]
    if kind in LAYERS:
        inner = LAYERS[kind](
            layer["units"],
            activation=layer.get("activation", "tanh"),
            return_sequences=layer.get("sequences", False),
        )
        return layers.Bidirectional(inner) if layer.get("bidirectional") else inner
    if kind == "embedding":
        return layers.Embedding(layer["words"], layer["width"])
    if kind == "dense":
        return layers.Dense(layer["units"], activation=layer.get("activation"))
    return {"maxPooling": layers.MaxPooling1D, "upSampling": layers.UpSampling1D}[kind](layer["size"])


class Engine:
    unsupported = Unsupported

    def __init__(self, name, threads):
        self.name, self.threads = name, threads
        backend = keras.backend.backend()
        if backend == "tensorflow":
            import tensorflow as engine

            engine.config.threading.set_intra_op_parallelism_threads(threads)
            engine.config.threading.set_inter_op_parallelism_threads(1)
        else:
            import jax as engine
        self.engine, self.backend = engine, backend
        self.version = f"{keras.__version__} on {backend} {engine.__version__}"
        keras.utils.set_random_seed(1)

    def prepare(self, shape, kind):
        if kind in ("train", "infer"):
            return self.model(shape, kind)
        if kind == "stream" and self.backend == "tensorflow":
            return self.stream(shape)
        raise Unsupported("not measured")

    def model(self, shape, kind):
        """The faster of compiled by XLA or not; JAX always compiles."""
        candidates = [True, False] if self.backend == "tensorflow" else [True]
        best = (float("inf"), None, None)
        for jit in candidates:
            work, facts = self.compiled(shape, kind, jit)
            work(1)
            seconds = seconds_of(work)
            if seconds < 1:
                seconds = min(seconds_of(work) for _ in range(5))
            best = min(best, (seconds, work, {**facts, "xla": jit}), key=lambda one: one[0])
        return best[1], best[2]

    def compiled(self, shape, kind, jit):
        x, y = batch_of(shape)
        dtype = "int32" if "words" in shape else "float32"
        model = keras.Sequential([layers.Input(x.shape[1:], dtype=dtype), *map(layer_of, shape["layers"])])
        model.compile(optimizer=keras.optimizers.Adam(), loss=LOSSES[shape["loss"]](), jit_compile=jit)
        weights = sum(int(np.prod(w.shape)) for w in model.weights if "bias" not in w.path)

        def train(times):
            for _ in range(times):
                model.train_on_batch(x, y)

        def infer(times):
            for _ in range(times):
                model.predict_on_batch(x)

        return {"train": train, "infer": infer}[kind], {"weights": weights}

    def stream(self, shape):
        [layer] = shape["layers"]
        cell = CELLS[layer["kind"]](layer["units"])
        cell.build((1, shape["features"]))
        x = self.engine.constant(normal(1, shape["features"]))
        zeros = [self.engine.zeros((1, layer["units"]))] * (2 if layer["kind"] == "lstm" else 1)
        step = self.engine.function(lambda x, *state: cell(x, list(state))[1], jit_compile=True)
        step = step.get_concrete_function(x, *zeros)  # halves the cost of a call

        def work(times):
            state = zeros
            for _ in range(times):
                state = step(x, *state)
            state[0].numpy()

        return work, {}


def seconds_of(work):
    begin = time.perf_counter()
    work(1)
    return time.perf_counter() - begin
