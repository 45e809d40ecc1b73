"""The two models that every system serves, the numbers that are sent, and the answer that must come back."""

import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from measuring.machine import DIGITS, ROOT

Floats = npt.NDArray[np.float32]


class Model(NamedTuple):
    """An ONNX file with one FP32 input, `x`. `shape` is of one request, `output` the one that is compared."""

    name: str
    path: Path
    shape: tuple[int, ...]
    output: str


ROW = Model("digits", DIGITS, (1, 64), "probabilities")
IMAGE = Model("pooled", ROOT / "bench" / "models" / "pooled.onnx", (1, 3, 224, 224), "scores")
MODELS = (ROW, IMAGE)


@functools.cache
def tensor(model: Model) -> Floats:
    """What is sent: four decimals each, so that JSON and binary carry the same numbers."""
    if model is ROW:
        with np.load(ROOT / "tests" / "data" / "digits.npz") as data:
            given = data["x"][:1]
    else:
        given = np.random.default_rng(0).random(model.shape)
    return np.ascontiguousarray(np.round(given.astype(np.float64), 4), dtype=np.float32)


def numbers(model: Model) -> list[float]:
    """The same, flat, as JSON writes them."""
    return [round(float(value), 4) for value in tensor(model).ravel()]


@functools.cache
def expected(model: Model) -> Floats:
    """FP32 [10]: what ONNX Runtime answers when it is run directly."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(model.path), providers=["CPUExecutionProvider"])
    return np.asarray(session.run([model.output], {"x": tensor(model)})[0][0], dtype=np.float32)
