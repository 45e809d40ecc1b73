"""The runtime of Keras models (.keras, legacy .h5), computed by PyTorch.

Keras computes with TensorFlow, JAX or PyTorch alike. PyTorch is the smallest of them to install and the quickest to
start (figures: docs/runtimes.md). What needs TensorFlow is served from its SavedModel.
"""

import os
import re
from collections.abc import Mapping
from typing import Any, Literal

from bms.adapters.runtimes.artifacts.model_file import first_format, lacking, model_file
from bms.adapters.runtimes.keras.config import check_config
from bms.adapters.runtimes.keras.file import (
    CONFIG,
    SUFFIXES,
    archive_config,
    checked_format,
    folder_config,
    format_of,
    is_folder,
)
from bms.adapters.runtimes.keras.hdf5 import check_loose_weights, check_weights, checked_config
from bms.adapters.runtimes.servables.called import CalledServable, served
from bms.adapters.runtimes.servables.class_scores import classify
from bms.adapters.runtimes.torch.run import REFUSALS, calling, dtype_names, named, torch_with
from bms.core.errors import FailedPrecondition
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.reasons import reason
from bms.serving.inference.runtime import Recognition

BACKEND = "torch"
_LAYER = re.compile(r"Exception encountered when calling ([\w.]+)\(\)\.\s+(.*)", re.DOTALL)


class KerasRuntime:
    """Runs a Sequential or functional model; inputs and outputs are named after its own."""

    name = "keras"

    def recognises(self, directory: str) -> Recognition | None:
        format = first_format(directory, format_of) or ("keras-folder" if is_folder(directory) else None)
        return None if format is None else Recognition(format, ("keras>=3.12", "torch==2.13.0"))

    def load(self, config: ServableConfig) -> CalledServable:
        path, format = _model_of(config.directory, self)
        if format == "keras":
            check_config(os.path.basename(path), archive_config(path))
        elif format == "keras-folder":
            check_config(CONFIG, folder_config(path))
        torch = torch_with(config.threads, self.name)
        os.environ["KERAS_BACKEND"] = BACKEND  # read when the package is imported
        try:
            import h5py
            import keras
        except ImportError as error:
            raise lacking("keras", "keras", error) from error
        if keras.config.backend() != BACKEND:
            raise FailedPrecondition(
                f"Keras was set up for {keras.config.backend()!r} in this process, not {BACKEND!r}"
            )
        if format == "keras":
            check_weights(h5py, path)
        elif format == "keras-folder":
            check_loose_weights(h5py, path)
        else:
            check_config(os.path.basename(path), checked_config(h5py, path))
        try:
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
        except Exception as error:  # a hostile file may make any part of the reader fail
            words = reason(error, error_message(error), directory=config.directory)
            advice = "if it needs code of its own, export a SavedModel with model.export('folder')"
            if format == "keras-h5":  # of which Keras reads layers alone, though it writes operations, too
                advice = f"save it with model.save('model.keras'), which keeps operations between layers; {advice}"
            name = CONFIG if format == "keras-folder" else os.path.basename(path)
            raise FailedPrecondition(f"Keras can't load {name!r}: {words}; {advice}") from error
        opened = KerasFunction(keras, torch, model)
        found = dict.fromkeys(config.signatures or (DEFAULT,), opened.signature)
        servable = served(config, format, calling(torch, opened.run), found, invalid=REFUSALS, words=error_message)
        return classify(servable, config.signatures, opened.probabilities)


def _model_of(directory: str, runtime: KerasRuntime) -> tuple[str, Literal["keras", "keras-h5", "keras-folder"]]:
    """What is to be loaded, a file or the folder itself, and its format. Raises FailedPrecondition as `model_file` and
    `checked_format` do."""
    if first_format(directory, format_of) is None and is_folder(directory):
        return directory, "keras-folder"
    path = model_file(directory, SUFFIXES, runtime)
    return path, checked_format(path)


def error_message(error: Exception) -> str:
    """The message of a Keras error, without the descriptions and tensors that it prints around it."""
    inner = str(error).rpartition("Exception encountered: ")[2].partition("Arguments received by ")[0]
    inner = re.sub(r"\s*(Full object config: |config=\{).*", "", inner, flags=re.DOTALL)
    return _LAYER.sub(r"\2 (in \1)", inner.strip())


class KerasFunction:
    """A Keras model as a function of named tensors."""

    def __init__(self, keras: Any, torch: Any, model: Any) -> None:
        self._model = model
        self._tree = keras.tree
        if not getattr(model, "inputs", None) or not getattr(model, "outputs", None):
            raise FailedPrecondition(
                f"the file holds a {type(model).__name__}, which does not say what it takes: save a functional or "
                "Sequential model that was called or built once"
            )
        types = {str(kind).removeprefix("torch."): name for kind, name in dtype_names(torch).items()}
        self._inputs = [tensor.name for tensor in model.inputs]
        self._structure = getattr(
            model, "_inputs_struct", None
        )  # of functional models; Sequential ones take one tensor
        makers = [tensor._keras_history.operation for tensor in model.outputs]
        names = [maker.name for maker in makers]
        self._outputs = names if len(set(names)) == len(names) else [f"output_{at}" for at in range(len(names))]
        structure = getattr(model, "_outputs_struct", None)  # one tensor, or several in lists and dictionaries
        outputs = dict(self._named(list(model.outputs) if structure is None else structure))
        self.probabilities = frozenset(
            name for name, tensor in outputs.items() if _is_softmax(keras, tensor._keras_history.operation)
        )
        specs = tuple(_spec(types, tensor) for tensor in model.inputs)
        self.signature = Signature(inputs=specs, batched=all(spec.shape[:1] == (None,) for spec in specs))

    def run(self, tensors: dict[str, Any]) -> Mapping[str, Any]:
        flat = [tensors[name] for name in self._inputs]
        given = flat[0] if self._structure is None else self._tree.pack_sequence_as(self._structure, flat)
        return self._named(self._model(given, training=False))

    def _named(self, answer: Any) -> dict[str, Any]:
        if isinstance(answer, Mapping):
            return dict(named(answer))
        return dict(zip(self._outputs, self._tree.flatten(answer), strict=True))


def _spec(types: Mapping[str, Any], tensor: Any) -> TensorSpec:
    dtype = types.get(tensor.dtype)
    if dtype is None:
        raise FailedPrecondition(f"the model's input {tensor.name!r} is {tensor.dtype}, which PyTorch does not compute")
    return TensorSpec(name=tensor.name, dtype=dtype, shape=tuple(tensor.shape))


def _is_softmax(keras: Any, maker: Any) -> bool:
    return isinstance(maker, keras.layers.Softmax) or getattr(maker, "activation", None) is keras.activations.softmax
