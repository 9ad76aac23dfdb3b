"""How a parity fixture is drawn and written: shared by make_keras.py and make_torch.py. README.md tells the layout.

Everything a network reads (weights, x, states, r, s) is drawn with 4 decimals, so that the file holds exactly what the
framework computed with. What it answered is float64, stored to 10 significant digits.
"""

import json
from pathlib import Path

import numpy as np

folder = Path(__file__).parent / "fixtures"


def draw(random, shape, scale=0.4):
    """Random and distinct, biases included: constant weights would hide a wrong gate order."""
    return np.round(random.normal(size=shape) * scale, 4)


def array(value):
    value = np.asarray(value)
    data = value.flatten().tolist()
    if value.dtype.kind == "f":
        data = [float(f"{number:.10g}") for number in data]
    return {"shape": list(value.shape), "data": data}


def arrays(values):
    return {name: array(value) for name, value in values.items()}


def write(name, fixture):
    """One field a line, numbers packed: small, and a readable diff."""
    path = folder / f"{name}.json"
    path.write_text(print_value(fixture) + "\n")
    size = path.stat().st_size
    assert size < 60_000, f"{path.name}: expected less than 60 KB, got {size} bytes."
    print(f"{path.name}: {size} bytes")


def print_value(value, indent=""):
    """Like JSON with an indent of 2, but an object that holds no further object stays on its line."""
    if depth(value) < 2:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    inner = indent + "  "
    if isinstance(value, dict):
        fields = [f"{inner}{json.dumps(key)}: {print_value(v, inner)}" for key, v in value.items()]
        return "{\n" + ",\n".join(fields) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inner + print_value(v, inner) for v in value) + f"\n{indent}]"


def depth(value):
    """How many objects lie inside one another; lists count only by what they hold."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return max((depth(v) for v in inside), default=0) + isinstance(value, dict)
