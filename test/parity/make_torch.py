"""Writes fixtures/torch-*.json: recurrent modules and their gradients as PyTorch computes them, in float64.

Made with torch 2.14.1 (on the CPU), numpy 2.4.6, Python 3.11. Run: python make_torch.py
"""

import numpy as np
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from fixture import array, arrays, draw, write

BATCH, STEPS, INPUTS, UNITS = 3, 5, 4, 6
LENGTHS = [3, 5, 1]  # not sorted: PyTorch sorts inside and returns the rows in this order

KINDS = {
    "lstm": {"module": torch.nn.LSTM, "states": ["h", "c"]},
    "gru": {"module": torch.nn.GRU, "states": ["h"]},
    "rnn": {"module": torch.nn.RNN, "states": ["h"]},
}

# name -> what differs from one layer, forward, full length, zero initial state
CASES = {
    "torch-lstm": {"kind": "lstm"},
    "torch-gru": {"kind": "gru"},
    "torch-rnn-tanh": {"kind": "rnn", "activation": "tanh"},
    "torch-rnn-relu": {"kind": "rnn", "activation": "relu"},
    "torch-lstm-stacked": {"kind": "lstm", "layers": 2},
    "torch-lstm-bidirectional": {"kind": "lstm", "bidirectional": True},
    "torch-lstm-initial-state": {"kind": "lstm", "initialState": True},
    "torch-gru-initial-state": {"kind": "gru", "initialState": True},
    "torch-lstm-lengths": {"kind": "lstm", "lengths": True},
    "torch-gru-lengths": {"kind": "gru", "lengths": True},
    "torch-lstm-bidirectional-lengths": {"kind": "lstm", "bidirectional": True, "lengths": True},
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
        "goBackwards": False,
        "activation": case.get("activation", "tanh"),
    }
    if case["kind"] != "rnn":
        config["recurrentActivation"] = "sigmoid"
    if case["kind"] == "gru":
        config["resetAfter"] = True
    return config


def build(config, random):
    options = {"nonlinearity": config["activation"]} if config["kind"] == "rnn" else {}
    module = KINDS[config["kind"]]["module"](
        INPUTS,
        UNITS,
        num_layers=config["layers"],
        bidirectional=config["bidirectional"],
        batch_first=True,
        dtype=torch.float64,
        **options,
    )
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(torch.from_numpy(draw(random, tuple(weight.shape))))
    return module


def run(module, x, initial, lengths):
    """-> outputs [b,t,units*directions] (zeros past each length), {h: [layers*directions,b,units], ...}"""
    given = None
    if initial is not None:
        given = (initial["h"], initial["c"]) if "c" in initial else initial["h"]
    if lengths is None:
        outputs, final = module(x, given)
    else:
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        outputs, final = module(packed, given)
        outputs, _ = pad_packed_sequence(outputs, batch_first=True, total_length=STEPS)
    return outputs, dict(zip("hc", final)) if isinstance(final, tuple) else {"h": final}


def make_case(seed, name, case):
    random = np.random.default_rng(seed)

    def tensor(shape, scale):
        return torch.from_numpy(draw(random, tuple(shape), scale))

    config = settle(case)
    module = build(config, random)
    x = tensor((BATCH, STEPS, INPUTS), 1.0).requires_grad_()
    initial = None
    if case.get("initialState"):
        states = KINDS[config["kind"]]["states"]
        initial = {state: tensor((1, BATCH, UNITS), 0.8).requires_grad_() for state in states}
    lengths = LENGTHS if case.get("lengths") else None

    outputs, final = run(module, x, initial, lengths)
    r = tensor(outputs.shape, 1.0)
    s = {state: tensor(value.shape, 1.0) for state, value in final.items()}
    loss = (outputs * r).sum() + sum((final[state] * s[state]).sum() for state in final)
    loss.backward()

    def numbers(tensors):
        return arrays({key: value.detach().numpy() for key, value in tensors.items()})

    weights = dict(module.named_parameters())
    write(name, {
        "framework": "torch",
        "version": torch.__version__.split("+")[0],
        "case": name,
        "config": config,
        "weights": numbers(weights),
        "x": array(x.detach().numpy()),
        "initialState": numbers(initial) if initial else None,
        "lengths": lengths,
        "outputs": array(outputs.detach().numpy()),
        "finalState": numbers(final),
        "r": array(r.numpy()),
        "s": numbers(s),
        "loss": float(f"{loss.item():.12g}"),
        "grads": {
            "weights": numbers({key: weight.grad for key, weight in weights.items()}),
            "x": array(x.grad.numpy()),
            "initialState": numbers({key: value.grad for key, value in initial.items()}) if initial else None,
        },
    })  # fmt: skip


if __name__ == "__main__":
    for seed, (name, case) in enumerate(CASES.items(), start=101):
        make_case(seed, name, case)
