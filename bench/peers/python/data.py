"""Inputs, targets and weights for a shape of bench/shapes.mjs, random with a fixed seed, and what engines can not do."""

import numpy as np


class Unsupported(Exception):
    """The engine can not do this row; the message says why."""


def normal(*shape, scale=0.1, seed=1):
    return (np.random.default_rng([seed, *shape]).normal(size=shape) * scale).astype(np.float32)


def batch_of(shape):
    """x and y of one step of training."""
    random = np.random.default_rng(2)
    batch, steps, layers, scale = shape["batch"], shape["steps"], shape["layers"], shape.get("scale", 1)
    if "words" in shape:
        x = random.integers(0, shape["words"], (batch, steps)).astype(np.int32)
    else:
        x = random.uniform(-scale, scale, size=(batch, steps, shape["features"])).astype(np.float32)
    rows = [batch, steps] if gives_sequences(layers) else [batch]
    width = layers[-1]["units"]
    if shape["loss"] == "sparseCategoricalCrossentropy":
        return x, random.integers(0, width, rows).astype(np.int32)
    if shape["loss"] == "binaryCrossentropy":
        return x, random.integers(0, 2, [*rows, width]).astype(np.float32)
    return x, random.uniform(-scale, scale, size=[*rows, width]).astype(np.float32)


def gives_sequences(layers):
    return not any(layer["kind"] in GATES and not layer.get("sequences") for layer in layers)


"""How many blocks of weights a cell has."""
GATES = {"simpleRNN": 1, "gru": 3, "lstm": 4}


def inputs_of(shape):
    """The width that each layer reads, in order."""
    widths, width = [], shape.get("features", 1)
    for layer in shape["layers"]:
        widths.append(width)
        if layer["kind"] == "embedding":
            width = layer["width"]
        elif "units" in layer:
            width = layer["units"] * (2 if layer.get("bidirectional") else 1)
    return widths
