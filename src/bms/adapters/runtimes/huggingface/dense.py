"""The dense layer of sentence-transformers after the pooling: its weights read as data, computed by NumPy."""

import os
from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from bms.adapters.runtimes.artifacts.model_file import contained
from bms.core.errors import FailedPrecondition
from bms.serving.inference.reasons import plain

WEIGHTS = "model.safetensors"
MAX_BYTES = 1 << 30
Floats = npt.NDArray[np.float32]
_ACTIVATIONS: Mapping[str, Callable[[Floats], Floats]] = {
    "Identity": lambda x: x,
    "Tanh": np.tanh,
    "ReLU": lambda x: np.maximum(x, np.float32(0)),
    "Sigmoid": lambda x: np.float32(1) / (np.float32(1) + np.exp(-x)),
}


class Dense(NamedTuple):
    """A dense layer in the directory; opened where it is run. Without an activation: Tanh."""

    directory: str
    path: str
    activation: str = "Tanh"
    residual: bool = False

    def opened(self) -> Callable[[Floats], Floats]:
        """Loads the layer as a function [rows, in] -> [rows, out]. Raises FailedPrecondition for weights that can't be
        read or don't fit."""
        name = f"{self.path}/{WEIGHTS}"
        weights = safetensors(contained(self.directory, name), name)
        linear, bias, projection = map(weights.get, ("linear.weight", "linear.bias", "residual.weight"))
        if linear is None or linear.ndim != 2 or (bias is not None and bias.shape != linear.shape[:1]):
            raise FailedPrecondition(f"{name!r} holds {', '.join(weights)[:200]}, expected linear.weight [out, in]")
        activation = _ACTIVATIONS[self.activation]
        square = linear.shape[0] == linear.shape[1]
        if self.residual and not square and (projection is None or projection.shape != linear.shape):
            raise FailedPrecondition(f"{name!r} lacks residual.weight {list(linear.shape)}, which 'use_residual' needs")

        def run(vectors: Floats) -> Floats:
            made = vectors @ linear.T
            made = activation(made if bias is None else made + bias)
            if not self.residual:
                return made
            return made + (vectors if square or projection is None else vectors @ projection.T)

        return run


def dense_of(directory: str, path: str, said: Mapping[str, object]) -> Dense:
    """Reads a layer's config.json, whose keys are known. Raises FailedPrecondition naming what can't be followed."""
    named = str(said.get("activation_function", "torch.nn.modules.activation.Tanh"))
    module, _, activation = named.rpartition(".")
    if not module.startswith("torch.nn") or activation not in _ACTIVATIONS:
        raise FailedPrecondition(
            f"{path}/config.json says 'activation_function': {named[:200]!r}, known are {', '.join(_ACTIVATIONS)} of "
            "torch.nn"
        )
    if not os.path.isfile(os.path.join(directory, path, WEIGHTS)):
        raise FailedPrecondition(
            f"{path!r} holds no {WEIGHTS}: save the model with it by `SentenceTransformer(DIRECTORY).save_pretrained("
            "DIRECTORY)`; pickles are not opened"
        )
    contained(directory, f"{path}/{WEIGHTS}")
    return Dense(directory, path, activation, said.get("use_residual") is True)


def safetensors(path: str, name: str) -> dict[str, Floats]:
    """Reads the arrays of a small safetensors file of FP32, FP16 or FP64, as FP32.

    The format is 8 bytes of the header's size, little-endian, the header in JSON, and the arrays' bytes. Raises
    FailedPrecondition for anything else.
    """
    if os.path.getsize(path) > MAX_BYTES:
        raise FailedPrecondition(f"{name!r} is larger than a layer may be ({MAX_BYTES} bytes)")
    with open(path, "rb") as file:
        content = file.read()
    kinds = {"F16": np.float16, "F32": np.float32, "F64": np.float64}
    try:
        start = 8 + int.from_bytes(content[:8], "little")
        head = msgspec.json.decode(content[8:start], type=dict[str, dict[str, object]])
        head.pop("__metadata__", None)
        found = {}
        for key, one in head.items():
            begin, end = msgspec.convert(one["data_offsets"], tuple[int, int])
            shape = msgspec.convert(one["shape"], tuple[int, ...])
            array = np.frombuffer(content[start + begin : start + end], kinds[str(one["dtype"])]).reshape(shape)
            found[key] = array.astype(np.float32)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, KeyError, ValueError) as error:
        raise FailedPrecondition(f"{name!r} is no safetensors file of numbers: {plain(str(error))}") from error
    return found
