"""Writes fixtures/keras-*.json: recurrent layers and their gradients as Keras computes them, in float64.

Made with keras 3.15.1 on tensorflow 2.21.0, numpy 2.4.6, Python 3.11. Run: python make_keras.py
TensorFlow, because Keras on JAX turns float64 into float32 in every binary operation, without a word.
"""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf

from fixture import array, arrays, draw, write

keras.config.set_floatx("float64")

BATCH, STEPS, INPUTS, UNITS = 3, 5, 4, 6

KINDS = {
    "lstm": {"layer": keras.layers.LSTM, "states": ["h", "c"]},
    "gru": {"layer": keras.layers.GRU, "states": ["h"]},
    "rnn": {"layer": keras.layers.SimpleRNN, "states": ["h"]},
}

# True = use the step. "right" is right-padded; "holes" also skips steps in the middle of a row.
MASKS = {
    "right": [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]],
    "holes": [[1, 0, 1, 1, 0], [1, 1, 0, 0, 1], [1, 1, 1, 1, 1]],
}

# name -> what differs from one layer, forward, no mask, zero initial state
CASES = {
    "keras-lstm": {"kind": "lstm"},
    "keras-gru-reset-after": {"kind": "gru", "resetAfter": True},
    "keras-gru-reset-before": {"kind": "gru", "resetAfter": False},
    "keras-rnn": {"kind": "rnn"},
    "keras-lstm-stacked": {"kind": "lstm", "layers": 2},
    "keras-lstm-bidirectional": {"kind": "lstm", "bidirectional": True},
    "keras-lstm-initial-state": {"kind": "lstm", "initialState": True},
    "keras-gru-initial-state": {"kind": "gru", "resetAfter": True, "initialState": True},
    "keras-lstm-go-backwards": {"kind": "lstm", "goBackwards": True},
    "keras-lstm-mask": {"kind": "lstm", "mask": "right"},
    "keras-gru-mask": {"kind": "gru", "resetAfter": True, "mask": "right"},
    "keras-lstm-mask-holes": {"kind": "lstm", "mask": "holes"},
    "keras-lstm-bidirectional-mask": {"kind": "lstm", "bidirectional": True, "mask": "right"},
}


def settle(case):
    """The complete config of a case, defaults filled in: this object is stored."""
    config = {
        "kind": case["kind"],
        "batch": BATCH,
        "steps": STEPS,
        "inputs": INPUTS,
        "units": UNITS,
        "layers": case.get("layers", 1),
        "bidirectional": case.get("bidirectional", False),
        "goBackwards": case.get("goBackwards", False),
        "activation": "tanh",
    }
    if case["kind"] != "rnn":
        config["recurrentActivation"] = "sigmoid"
    if case["kind"] == "gru":
        config["resetAfter"] = case["resetAfter"]
    return config


def build(config):
    """The layers of a case, bottom first, each with all its steps and its states as outputs."""
    options = {"return_sequences": True, "return_state": True, "go_backwards": config["goBackwards"]}
    if config["kind"] == "gru":
        options["reset_after"] = config["resetAfter"]
    make = KINDS[config["kind"]]["layer"]
    layers = [make(config["units"], **options) for _ in range(config["layers"])]
    if config["bidirectional"]:
        layers = [keras.layers.Bidirectional(layer, merge_mode="concat") for layer in layers]
    width = config["inputs"]
    for layer in layers:
        layer.build((BATCH, STEPS, width))
        width = config["units"]
    return layers


def weights_by_name(config, layers):
    """Keras's own names, with the layer or the direction in front where there are several."""
    named = {}
    for index, layer in enumerate(layers):
        for weight in layer.trainable_variables:
            prefix = f"layer{index}/" if config["layers"] > 1 else ""
            if config["bidirectional"]:
                prefix = "backward/" if "/backward_" in weight.path else "forward/"
            named[prefix + weight.name] = weight
    return named


def run(layers, names, x, initial, mask):
    """-> outputs [b,t,units*directions], {h: [layers*directions,b,units], ...}"""
    outputs, states = x, []
    given = {"initial_state": [value[0] for value in initial.values()]} if initial else {}
    for layer in layers:
        outputs, *final = layer(outputs, mask=mask, **given)
        states += final
    # Keras lists [h, c] of each layer or direction in turn: regroup by name, [h, h, ...] and [c, c, ...].
    return outputs, {name: tf.stack(states[i :: len(names)]) for i, name in enumerate(names)}


def make_case(seed, name, case):
    random = np.random.default_rng(seed)

    def tensor(shape, scale):
        return tf.constant(draw(random, tuple(shape), scale))

    config = settle(case)
    states = KINDS[config["kind"]]["states"]
    layers = build(config)
    weights = weights_by_name(config, layers)
    for weight in weights.values():
        weight.assign(draw(random, tuple(weight.shape)))
    x = tensor((BATCH, STEPS, INPUTS), 1.0)
    initial = {state: tensor((1, BATCH, UNITS), 0.8) for state in states} if case.get("initialState") else {}
    mask = tf.cast(MASKS[case["mask"]], tf.bool) if "mask" in case else None

    with tf.GradientTape() as tape:
        tape.watch([x, *initial.values()])
        outputs, final = run(layers, states, x, initial, mask)
        r = tensor(outputs.shape, 1.0)
        s = {state: tensor(final[state].shape, 1.0) for state in states}
        loss = tf.reduce_sum(outputs * r) + sum(tf.reduce_sum(final[state] * s[state]) for state in states)
    sources = {"weights": {key: weight.value for key, weight in weights.items()}, "x": x, "initialState": initial}
    grads = tape.gradient(loss, sources)
    assert outputs.dtype == loss.dtype == tf.float64

    write(name, {
        "framework": "keras",
        "version": f"{keras.__version__} on tensorflow {tf.__version__}",
        "case": name,
        "config": config,
        "weights": arrays(weights),
        "x": array(x),
        "initialState": arrays(initial) if initial else None,
        "mask": array(np.array(MASKS[case["mask"]])) if "mask" in case else None,
        "outputs": array(outputs),
        "finalState": arrays(final),
        "r": array(r),
        "s": arrays(s),
        "loss": float(f"{float(loss):.12g}"),
        "grads": {
            "weights": arrays(grads["weights"]),
            "x": array(grads["x"]),
            "initialState": arrays(grads["initialState"]) if initial else None,
        },
    })  # fmt: skip


if __name__ == "__main__":
    for seed, (name, case) in enumerate(CASES.items(), start=1):
        make_case(seed, name, case)
