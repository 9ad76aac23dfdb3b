"""Writes fixtures/optimisers.json and fixtures/losses.json: update rules and losses as Keras defines them, in float64.

Made with keras 3.15.1 on tensorflow 2.21.0, numpy 2.4.6, Python 3.11. Run: python make_rules.py
"""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf

from fixture import array, draw, write

keras.config.set_floatx("float64")

VERSION = {"framework": "keras", "version": f"{keras.__version__} on tensorflow {tf.__version__}"}

# name -> rule and every option that it reads; learningRate, beta1, ... are Keras's learning_rate, beta_1, ...
OPTIMISERS = {
    "sgd": ("SGD", {"learningRate": 0.1, "momentum": 0.0, "nesterov": False}),
    "sgd-momentum": ("SGD", {"learningRate": 0.1, "momentum": 0.9, "nesterov": False}),
    "sgd-nesterov": ("SGD", {"learningRate": 0.1, "momentum": 0.9, "nesterov": True}),
    "adam": ("Adam", {"learningRate": 0.05, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7}),
    "adam-large-epsilon": ("Adam", {"learningRate": 0.05, "beta1": 0.8, "beta2": 0.99, "epsilon": 0.1}),
    "adamw": ("AdamW", {"learningRate": 0.05, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7, "weightDecay": 0.02}),
    "rmsprop": ("RMSprop", {"learningRate": 0.05, "rho": 0.9, "momentum": 0.0, "epsilon": 1e-7}),
    "rmsprop-large-epsilon": ("RMSprop", {"learningRate": 0.05, "rho": 0.9, "momentum": 0.0, "epsilon": 0.1}),
    "rmsprop-momentum": ("RMSprop", {"learningRate": 0.05, "rho": 0.9, "momentum": 0.9, "epsilon": 1e-7}),
}
KERAS_NAMES = {"learningRate": "learning_rate", "beta1": "beta_1", "beta2": "beta_2", "weightDecay": "weight_decay"}


def optimise(rule, options, start, grads):
    """-> the parameter after each step, [steps, 4]"""
    # A plain 0.9 would become float32(0.9) inside Keras, whatever the parameter's dtype; np.float64 stays itself.
    exact = {KERAS_NAMES.get(key, key): np.float64(v) if isinstance(v, float) else v for key, v in options.items()}
    optimiser = getattr(keras.optimizers, rule)(**exact)
    parameter = keras.Variable(start)
    after = []
    for grad in grads:
        optimiser.apply_gradients([(tf.constant(grad), parameter)])
        after.append(parameter.numpy())
    return np.stack(after)


def make_optimisers():
    random = np.random.default_rng(201)
    start = draw(random, (4,), 1.0)
    grads = draw(random, (5, 4), 1.0)
    cases = [
        {"case": name, "rule": rule, "options": options, "after": array(optimise(rule, options, start, grads))}
        for name, (rule, options) in OPTIMISERS.items()
    ]
    write("optimisers", {**VERSION, "start": array(start), "grads": array(grads), "cases": cases})


def make_loss(name, loss, prediction, target, weights=None):
    """One case; values are the losses before reduction, mean is what a training step minimises, grad its gradient."""
    x = tf.constant(prediction)
    plain = loss(reduction="none")(target, x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        mean = loss()(target, x, sample_weight=weights)
    return {
        "case": name,
        "prediction": array(prediction),
        "target": array(target),
        "sampleWeights": None if weights is None else array(weights),
        "values": array(plain),
        "mean": float(f"{float(mean):.12g}"),
        "grad": array(tape.gradient(mean, x)),
    }


def make_losses():
    random = np.random.default_rng(202)
    losses = keras.losses

    def from_logits(loss):
        return lambda **options: loss(from_logits=True, **options)

    def huber(**options):
        return losses.Huber(delta=1.0, **options)

    sparse = from_logits(losses.SparseCategoricalCrossentropy)
    logits, labels = draw(random, (4, 3), 1.5), np.array([2, 0, 1, 2])
    steps, step_labels = draw(random, (2, 3, 4), 1.5), np.array([[3, 0, 1], [2, 2, 1]])
    shares = random.dirichlet(np.ones(3), 4).round(4)
    shares[:, 2] = (1 - shares[:, 0] - shares[:, 1]).round(4)
    scores = np.concatenate([draw(random, (4, 2), 2.0), [[40.0, -40.0]]])  # the last row overflows a naive formula
    truth = np.array([[1, 0], [0, 1], [1, 1], [0, 0], [0, 1]], dtype=np.float64)
    a, b = draw(random, (4, 3), 1.5), draw(random, (4, 3), 1.5)

    cases = [
        ("sparse-categorical-from-logits", sparse, logits, labels),
        ("sparse-categorical-from-logits-steps", sparse, steps, step_labels),
        ("sparse-categorical-from-logits-weighted", sparse, logits, labels, np.array([1.0, 0.5, 2.0, 0.0])),
        ("categorical-from-logits", from_logits(losses.CategoricalCrossentropy), logits, shares),
        ("binary-from-logits", from_logits(losses.BinaryCrossentropy), scores, truth),
        ("mean-squared-error", losses.MeanSquaredError, a, b),
        ("mean-absolute-error", losses.MeanAbsoluteError, a, b),
        ("huber-delta-1", huber, a, b),
    ]
    write("losses", {**VERSION, "reduction": "mean", "cases": [make_loss(*case) for case in cases]})


if __name__ == "__main__":
    make_optimisers()
    make_losses()
