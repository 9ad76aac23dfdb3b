"""Times the benchmark's recurrent models in PyTorch, Keras on TensorFlow, JAX and ONNX Runtime: one JSON line a case.

Run: python python.py --threads 1 [--only torch,keras,jax,onnxruntime] [--runs 30]. README.md has the cases.
Each peer runs in a process of its own, so that no peer's threads spin beside another's.
"""

import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np

PEERS = ["torch", "keras", "jax", "onnxruntime"]
WARM_UPS, STREAM_STEPS = 5, 500

# R: a classifier of sensor readings. P20: a classifier of texts. stream: one step of one row.
R = {"batch": 32, "steps": 100, "inputs": 12, "units": 64, "classes": 2}
P20 = {"batch": 32, "steps": 80, "words": 2000, "width": 128, "units": 8}
STREAM = {"inputs": 10, "units": 100}

random = np.random.default_rng(1)


def normal(*shape):
    return (random.normal(size=shape) * 0.1).astype(np.float32)


READINGS = random.normal(size=(R["batch"], R["steps"], R["inputs"])).astype(np.float32)
CLASSES = random.integers(0, R["classes"], R["batch"]).astype(np.int32)
TEXTS = random.integers(0, P20["words"], (P20["batch"], P20["steps"])).astype(np.int32)
LIKED = random.integers(0, 2, (P20["batch"], 1)).astype(np.float32)
READING = random.normal(size=(1, STREAM["inputs"])).astype(np.float32)


def measure(peer, version, case, call, options, steps=1):
    """Times call(); of a stream, call() makes `steps` steps, each waiting for the state of the one before."""
    for _ in range(WARM_UPS):
        call()
    scale = (1e6 if case == "stream" else 1e3) / steps
    times, busy, start = [], time.process_time(), time.perf_counter()
    for _ in range(options.runs):
        begin = time.perf_counter()
        call()
        times.append((time.perf_counter() - begin) * scale)
    cores = (time.process_time() - busy) / (time.perf_counter() - start)
    print(json.dumps({
        "peer": peer,
        "version": version,
        "case": case,
        "unit": "us" if case == "stream" else "ms",
        "median": round(float(np.median(times)), 3),
        "min": round(min(times), 3),
        "max": round(max(times), 3),
        "runs": options.runs,
        "threads": options.threads,
        "coresUsed": round(cores, 2),
    }), flush=True)  # fmt: skip


def bench_torch(options):
    import torch
    from torch import nn

    torch.set_num_threads(options.threads)
    torch.set_num_interop_threads(1)
    version = torch.__version__.split("+")[0]

    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.recurrent = nn.LSTM(R["inputs"], R["units"], batch_first=True)
            self.head = nn.Linear(R["units"], R["classes"])

        def forward(self, x):
            return self.head(self.recurrent(x)[0][:, -1])

    class Critic(nn.Module):
        def __init__(self, layer):
            super().__init__()
            self.embedding = nn.Embedding(P20["words"], P20["width"])
            self.recurrent = layer(P20["width"], P20["units"], batch_first=True)
            self.head = nn.Linear(P20["units"], 1)

        def forward(self, ids):  # logits: the loss has the sigmoid
            return self.head(self.recurrent(self.embedding(ids))[0][:, -1])

    def bench(name, model, loss_of, x, y, answer):
        optimiser = torch.optim.Adam(model.parameters())

        def train():
            optimiser.zero_grad()
            loss = loss_of(model(x), y)
            loss.backward()
            optimiser.step()
            return loss.item()

        @torch.inference_mode()
        def infer():
            return answer(model(x)).numpy()

        measure("torch", version, f"{name}.train", train, options)
        measure("torch", version, f"{name}.infer", infer, options)

    classes = torch.from_numpy(CLASSES).long()
    bench("R", Reader(), nn.CrossEntropyLoss(), torch.from_numpy(READINGS), classes, lambda z: z.softmax(-1))
    for name, layer in [("lstm", nn.LSTM), ("rnn", nn.RNN)]:
        texts, liked = torch.from_numpy(TEXTS), torch.from_numpy(LIKED)
        bench(f"P20.{name}", Critic(layer), nn.BCEWithLogitsLoss(), texts, liked, torch.sigmoid)

    cell = nn.LSTMCell(STREAM["inputs"], STREAM["units"])
    reading = torch.from_numpy(READING)

    @torch.inference_mode()
    def stream():
        h = c = torch.zeros(1, STREAM["units"])
        for _ in range(STREAM_STEPS):
            h, c = cell(reading, (h, c))

    measure("torch", version, "stream", stream, options, STREAM_STEPS)


def bench_keras(options):
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    layers, version = keras.layers, f"{keras.__version__} on tensorflow {tf.__version__}"

    def bench(name, model, loss, x, y):
        model.compile(optimizer="adam", loss=loss, jit_compile=True)  # on a CPU "auto" means no, and is slower
        measure("keras", version, f"{name}.train", lambda: model.train_on_batch(x, y), options)
        measure("keras", version, f"{name}.infer", lambda: model.predict_on_batch(x), options)

    reader = keras.Sequential([
        layers.Input((R["steps"], R["inputs"])), layers.LSTM(R["units"]), layers.Dense(R["classes"], "softmax"),
    ])  # fmt: skip
    bench("R", reader, "sparse_categorical_crossentropy", READINGS, CLASSES)
    for name, layer in [("lstm", layers.LSTM), ("rnn", layers.SimpleRNN)]:
        critic = keras.Sequential([
            layers.Input((P20["steps"],), dtype="int32"),
            layers.Embedding(P20["words"], P20["width"]),
            layer(P20["units"]),
            layers.Dense(1, "sigmoid"),
        ])  # fmt: skip
        bench(f"P20.{name}", critic, "binary_crossentropy", TEXTS, LIKED)

    cell = layers.LSTMCell(STREAM["units"])
    cell.build((1, STREAM["inputs"]))
    reading, zeros = tf.constant(READING), tf.zeros((1, STREAM["units"]))
    step = tf.function(lambda x, h, c: cell(x, [h, c])[1], jit_compile=True)
    step = step.get_concrete_function(reading, zeros, zeros)  # halves the cost of a call

    def stream():
        h = c = zeros
        for _ in range(STREAM_STEPS):
            h, c = step(reading, h, c)
        h.numpy()

    measure("keras", version, "stream", stream, options, STREAM_STEPS)


def bench_jax(options):
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["NPROC"] = str(options.threads)  # the size of XLA's thread pool
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_cpu_enable_async_dispatch", False)  # five times faster for a step this small

    def lstm(p, x):  # x [b,t,in] -> last h [b,units]; gates i,f,g,o
        projected = jnp.swapaxes(x @ p["kernel"] + p["bias"], 0, 1)

        def step(state, z):
            h, c = state
            i, f, g, o = jnp.split(z + h @ p["recurrent"], 4, axis=-1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

        zeros = jnp.zeros((x.shape[0], p["recurrent"].shape[0]))
        return jax.lax.scan(step, (zeros, zeros), projected)[0][0]

    def rnn(p, x):
        projected = jnp.swapaxes(x @ p["kernel"] + p["bias"], 0, 1)
        zeros = jnp.zeros((x.shape[0], p["recurrent"].shape[0]))
        return jax.lax.scan(lambda h, z: (jnp.tanh(z + h @ p["recurrent"]), None), zeros, projected)[0]

    def layer(inputs, units, gates):
        return {"kernel": normal(inputs, units * gates), "recurrent": normal(units, units * gates),
                "bias": normal(units * gates)}  # fmt: skip

    def dense(inputs, units):
        return {"kernel": normal(inputs, units), "bias": normal(units)}

    def adam(p, grads, m, v, t):
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
        rate = 0.001 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        return jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-7), p, m, v), m, v

    def bench(name, p, logits_of, loss_of, answer, x, y):
        x, y, p = jnp.asarray(x), jnp.asarray(y), jax.tree.map(jnp.asarray, p)
        zeros = jax.tree.map(jnp.zeros_like, p)
        held = {"state": (p, zeros, jax.tree.map(jnp.copy, zeros)), "t": 0.0}

        @jax.jit(donate_argnums=0)
        def train_step(state, t, x, y):
            p, m, v = state
            loss, grads = jax.value_and_grad(lambda p: loss_of(logits_of(p, x), y))(p)
            return adam(p, grads, m, v, t), loss

        def train():
            held["t"] += 1
            held["state"], loss = train_step(held["state"], held["t"], x, y)
            jax.block_until_ready(held["state"])
            return loss

        infer_step = jax.jit(lambda p, x: answer(logits_of(p, x)))
        measure("jax", jax.__version__, f"{name}.train", train, options)
        trained = held["state"][0]
        measure("jax", jax.__version__, f"{name}.infer", lambda: np.asarray(infer_step(trained, x)), options)

    def cross_entropy(z, y):
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], 1))

    def binary_cross_entropy(z, y):
        return jnp.mean(jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z))))

    def head(p, h):
        return h @ p["kernel"] + p["bias"]

    reader = {"recurrent": layer(R["inputs"], R["units"], 4), "head": dense(R["units"], R["classes"])}
    bench("R", reader, lambda p, x: head(p["head"], lstm(p["recurrent"], x)), cross_entropy, jax.nn.softmax,
          READINGS, CLASSES)  # fmt: skip
    for name, run, gates in [("lstm", lstm, 4), ("rnn", rnn, 1)]:
        critic = {
            "embedding": normal(P20["words"], P20["width"]),
            "recurrent": layer(P20["width"], P20["units"], gates),
            "head": dense(P20["units"], 1),
        }

        def logits_of(p, ids, run=run):
            return head(p["head"], run(p["recurrent"], p["embedding"][ids]))

        bench(f"P20.{name}", critic, logits_of, binary_cross_entropy, jax.nn.sigmoid, TEXTS, LIKED)

    p = jax.tree.map(jnp.asarray, layer(STREAM["inputs"], STREAM["units"], 4))

    @jax.jit
    def step(p, x, h, c):
        i, f, g, o = jnp.split(x @ p["kernel"] + p["bias"] + h @ p["recurrent"], 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return jax.nn.sigmoid(o) * jnp.tanh(c), c

    reading = jnp.asarray(READING)

    def stream():
        h = c = jnp.zeros((1, STREAM["units"]))
        for _ in range(STREAM_STEPS):
            h, c = step(p, reading, h, c)
            h.block_until_ready()

    measure("jax", jax.__version__, "stream", stream, options, STREAM_STEPS)


def bench_onnxruntime(options):
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    def session(nodes, inputs, outputs, weights):
        graph = helper.make_graph(nodes, "peer", inputs, outputs,
                                  [numpy_helper.from_array(value, name) for name, value in weights.items()])  # fmt: skip
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = options.threads
        settings.inter_op_num_threads = 1
        return onnxruntime.InferenceSession(model.SerializeToString(), settings, ["CPUExecutionProvider"])

    def value(name, shape, kind=TensorProto.FLOAT):
        return helper.make_tensor_value_info(name, kind, shape)

    def recurrent(op, inputs, units):
        gates = 4 if op == "LSTM" else 1
        return {"w": normal(1, gates * units, inputs), "r": normal(1, gates * units, units),
                "b": normal(1, 2 * gates * units)}  # fmt: skip

    def classify(op, batch, units, outputs, activation):  # "steps" [t,b,in] -> "y" [b,outputs]
        return [
            helper.make_node(op, ["steps", "w", "r", "b"], ["", "last"], hidden_size=units),
            helper.make_node("Reshape", ["last", "flat"], ["h"]),
            helper.make_node("Gemm", ["h", "head", "head_bias"], ["logits"]),
            helper.make_node(activation, ["logits"], ["y"]),
        ], {
            "flat": np.array([batch, units], dtype=np.int64),
            "head": normal(units, outputs),
            "head_bias": normal(outputs),
        }  # fmt: skip

    def bench(case, nodes, x, x_value, y_shape, weights):
        model = session(nodes, [x_value], [value("y", y_shape)], weights)
        measure("onnxruntime", onnxruntime.__version__, case, lambda: model.run(["y"], {"x": x}), options)

    batch, units = R["batch"], R["units"]
    nodes, weights = classify("LSTM", batch, units, R["classes"], "Softmax")
    by_time = helper.make_node("Transpose", ["x"], ["steps"], perm=[1, 0, 2])
    weights.update(recurrent("LSTM", R["inputs"], units))
    bench("R.infer", [by_time, *nodes], READINGS, value("x", READINGS.shape), [batch, R["classes"]], weights)

    batch, units = P20["batch"], P20["units"]
    for name, op in [("lstm", "LSTM"), ("rnn", "RNN")]:
        nodes, weights = classify(op, batch, units, 1, "Sigmoid")
        look_up = [
            helper.make_node("Transpose", ["x"], ["by_time"], perm=[1, 0]),
            helper.make_node("Gather", ["words", "by_time"], ["steps"]),
        ]
        weights.update(recurrent(op, P20["width"], units), words=normal(P20["words"], P20["width"]))
        x_value = value("x", TEXTS.shape, TensorProto.INT32)
        bench(f"P20.{name}.infer", [*look_up, *nodes], TEXTS, x_value, [batch, 1], weights)

    units, x = STREAM["units"], READING[None]  # [t=1,b=1,in]
    node = helper.make_node("LSTM", ["x", "w", "r", "b", "", "h", "c"], ["", "next_h", "next_c"], hidden_size=units)
    state = [1, 1, units]
    model = session([node], [value("x", x.shape), value("h", state), value("c", state)],
                    [value("next_h", state), value("next_c", state)], recurrent("LSTM", STREAM["inputs"], units))  # fmt: skip

    def stream():
        h = c = np.zeros(state, dtype=np.float32)
        for _ in range(STREAM_STEPS):
            h, c = model.run(None, {"x": x, "h": h, "c": c})

    measure("onnxruntime", onnxruntime.__version__, "stream", stream, options, STREAM_STEPS)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, choices=[1, 2], default=1)
    parser.add_argument("--only", default=",".join(PEERS), help="peers, separated by commas")
    parser.add_argument("--runs", type=int, default=30)
    options = parser.parse_args()
    peers = options.only.split(",")
    unknown = sorted(set(peers) - set(PEERS))
    if unknown:
        parser.error(f"--only: expected some of {', '.join(PEERS)}, got {', '.join(unknown)}.")
    if len(peers) > 1:
        for peer in peers:
            subprocess.run([sys.executable, __file__, *sys.argv[1:], "--only", peer], check=True)
        return
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    try:
        globals()[f"bench_{peers[0]}"](options)
    except ImportError as error:
        print(json.dumps({"peer": peers[0], "skipped": str(error)}), flush=True)


if __name__ == "__main__":
    main()
