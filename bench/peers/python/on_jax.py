"""The shapes in plain JAX: jit, lax.scan with the input projection hoisted, Adam by hand, synchronous dispatch."""

import jax
import jax.numpy as jnp
import numpy as np
from data import GATES, Unsupported, batch_of, inputs_of, normal

ACTIVATIONS = {"tanh": jnp.tanh, "relu": jax.nn.relu, None: lambda z: z}
sigmoid = jax.nn.sigmoid


def lstm_step(p, activation):
    def step(state, z):  # z [b,4 units]; gates i, f, g, o
        h, c = state
        i, f, g, o = jnp.split(z + h @ p["recurrent"], 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * activation(g)
        h = sigmoid(o) * activation(c)
        return (h, c), h

    return step, 2


def gru_step(p, activation):
    def step(state, z):  # reset after the product, as Keras and PyTorch have it
        [h] = state
        zr, zz, zn = jnp.split(z, 3, axis=-1)
        hr, hz, hn = jnp.split(h @ p["recurrent"] + p["recurrent_bias"], 3, axis=-1)
        update = sigmoid(zz + hz)
        h = update * h + (1 - update) * activation(zn + sigmoid(zr + hr) * hn)
        return (h,), h

    return step, 1


def rnn_step(p, activation):
    def step(state, z):
        h = activation(z + state[0] @ p["recurrent"])
        return (h,), h

    return step, 1


STEPS = {"lstm": lstm_step, "gru": gru_step, "simpleRNN": rnn_step}


def one_direction(layer, p, x, reverse):  # x [b,t,in] -> [b,t,units] or [b,units]
    step, states = STEPS[layer["kind"]](p, ACTIVATIONS[layer.get("activation", "tanh")])
    projected = jnp.swapaxes(x @ p["kernel"] + p["bias"], 0, 1)
    zeros = (jnp.zeros((x.shape[0], layer["units"])),) * states
    if not layer.get("sequences"):
        return jax.lax.scan(lambda s, z: (step(s, z)[0], None), zeros, projected, reverse=reverse)[0][0]
    return jnp.swapaxes(jax.lax.scan(step, zeros, projected, reverse=reverse)[1], 0, 1)


def recurrent(layer, p, x):
    if not layer.get("bidirectional"):
        return one_direction(layer, p["forward"], x, False)
    directions = [("forward", False), ("backward", True)]
    return jnp.concatenate([one_direction(layer, p[name], x, turned) for name, turned in directions], -1)


def apply(layer, p, x):
    kind = layer["kind"]
    if kind in GATES:
        return recurrent(layer, p, x)
    if kind == "embedding":
        return p["table"][x]
    if kind == "dense":
        return ACTIVATIONS[layer.get("activation")](x @ p["kernel"] + p["bias"])
    if kind == "maxPooling":
        b, t, d = x.shape
        return x.reshape(b, t // layer["size"], layer["size"], d).max(2)
    return jnp.repeat(x, layer["size"], axis=1)


def weights_of(layer, inputs):
    if layer["kind"] in GATES:
        columns = layer["units"] * GATES[layer["kind"]]
        units, width = (layer["units"], columns)
        one = {"kernel": normal(inputs, width), "recurrent": normal(units, width), "bias": normal(width)}
        if layer["kind"] == "gru":
            one["recurrent_bias"] = normal(width)
        return {"forward": one, "backward": one} if layer.get("bidirectional") else {"forward": one}
    if layer["kind"] == "embedding":
        return {"table": normal(layer["words"], layer["width"])}
    if layer["kind"] == "dense":
        return {"kernel": normal(inputs, layer["units"]), "bias": normal(layer["units"])}
    return {}


def loss_of(name, logits, y):
    if name == "sparseCategoricalCrossentropy":
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), y[..., None], -1))
    if name == "binaryCrossentropy":
        return jnp.mean(jnp.maximum(logits, 0) - logits * y + jnp.log1p(jnp.exp(-jnp.abs(logits))))
    return jnp.mean((logits - y) ** 2)


def adam(p, grads, m, v, t):
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
    rate = 0.001 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    return jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-7), p, m, v), m, v


class Engine:
    unsupported = Unsupported

    def __init__(self, name, threads):
        self.name, self.threads, self.version = name, threads, jax.__version__
        jax.config.update("jax_cpu_enable_async_dispatch", False)  # five times faster for a small step

    def prepare(self, shape, kind):
        return getattr(self, kind)(shape)

    def model(self, shape):
        layers = shape["layers"]
        p = jax.tree.map(jnp.array, [weights_of(*pair) for pair in zip(layers, inputs_of(shape))])
        paths = jax.tree_util.tree_leaves_with_path(p)
        weights = sum(w.size for path, w in paths if "bias" not in str(path[-1]))

        def logits_of(p, x):
            for layer, own in zip(layers, p):
                x = apply(layer, own, x)
            return x

        x, y = map(jnp.asarray, batch_of(shape))
        return p, logits_of, x, y, {"weights": weights}

    def train(self, shape):
        p, logits_of, x, y, facts = self.model(shape)
        held = {"state": (p, *[jax.tree.map(jnp.zeros_like, p) for _ in range(2)]), "t": 0.0}

        @jax.jit(donate_argnums=0)
        def step(state, t, x, y):
            p, m, v = state
            loss, grads = jax.value_and_grad(lambda p: loss_of(shape["loss"], logits_of(p, x), y))(p)
            return adam(p, grads, m, v, t), loss

        def work(times):
            for _ in range(times):
                held["t"] += 1
                held["state"], loss = step(held["state"], held["t"], x, y)
                jax.block_until_ready(held["state"])
                float(loss)

        return work, facts

    def infer(self, shape):
        p, logits_of, x, _, facts = self.model(shape)
        step = jax.jit(logits_of)

        def work(times):
            for _ in range(times):
                np.asarray(step(p, x))

        return work, facts

    def stream(self, shape):
        [layer] = shape["layers"]
        p = jax.tree.map(jnp.array, weights_of(layer, shape["features"])["forward"])
        x = jnp.asarray(normal(1, shape["features"]))
        zeros = (jnp.zeros((1, layer["units"])),) * (2 if layer["kind"] == "lstm" else 1)

        @jax.jit
        def step(p, x, state):
            return STEPS[layer["kind"]](p, jnp.tanh)[0](state, x @ p["kernel"] + p["bias"])[0]

        def work(times):
            state = zeros
            for _ in range(times):
                state = step(p, x, state)
                state[0].block_until_ready()

        return work, {}

    def matmul(self, shape):
        a, b = [jnp.asarray(normal(*sides)) for sides in shape["sides"]]
        step = jax.jit(jnp.matmul)

        def work(times):
            for _ in range(times):
                step(a, b).block_until_ready()

        return work, {}
