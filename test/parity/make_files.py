"""Writes files as Python's own packages write them, for the readers of model files, each with a .json of what is inside.

Made with safetensors 0.8.0, numpy 2.4.6, Python 3.11. Run: python make_files.py
"""

from importlib.metadata import version

import numpy as np
from safetensors.numpy import save_file

from fixture import arrays, draw, folder, write


def described(values):
    """Each array as {shape, data} in row-major order, whatever order the file has, and its numpy dtype."""
    return {name: {"dtype": str(values[name].dtype), **array} for name, array in arrays(values).items()}


def make_safetensors(random):
    tensors = {
        "kernel": draw(random, (2, 3)).astype(np.float32),
        "steps": np.array([1, -2, 3, 2**31 - 1], dtype=np.int32),
        "scale": np.array(0.1, dtype=np.float32),  # shape []
    }
    metadata = {"format": "np", "note": "written by Python"}
    save_file(tensors, folder / "python.safetensors", metadata=metadata)
    write("python.safetensors", {
        "writer": f"safetensors {version('safetensors')}",
        "metadata": metadata,
        "tensors": described(tensors),
    })  # fmt: skip


def make_numpy(random):
    plain = draw(random, (2, 3)).astype(np.float32)
    files = {
        "row-major.npy": plain,
        "column-major.npy": np.asfortranarray(draw(random, (2, 3)).astype(np.float32)),
    }
    inside = {
        "float32": plain,
        "int32": np.array([[1, -2], [3, 2**31 - 1]], dtype=np.int32),
        "float64": draw(random, (5,)),
        "column_major": np.asfortranarray(draw(random, (3, 2, 2))),
        "scalar": np.array(0.25, dtype=np.float64),
        "empty": np.zeros((0, 4), dtype=np.float32),
    }
    for name, value in files.items():
        np.save(folder / name, value)
    np.savez(folder / "numpy.npz", **inside)
    np.savez_compressed(folder / "numpy-compressed.npz", **inside)
    write("numpy", {
        "writer": f"numpy {np.__version__}",
        "files": described(files),
        "archives": {"numpy.npz": described(inside), "numpy-compressed.npz": described(inside)},
    })  # fmt: skip


if __name__ == "__main__":
    random = np.random.default_rng(301)
    make_safetensors(random)
    make_numpy(random)
