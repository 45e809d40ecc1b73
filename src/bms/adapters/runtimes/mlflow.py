"""MLflow directories: what their flavor names is run by the runtime that knows it; the signature is MLflow's."""

import os
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from msgspec import structs

from bms.adapters.runtimes.artifact import unexpected
from bms.adapters.runtimes.called import CalledServable, served
from bms.adapters.runtimes.mlflow_file import (
    asked_requirements,
    flavors_of,
    minor_version,
    pinned,
    places,
    with_skinny,
    without_mlflow,
)
from bms.adapters.runtimes.mlflow_pyfunc import load_pyfunc
from bms.adapters.runtimes.mlflow_signature import Schema, schema_of
from bms.core.errors import FailedPrecondition
from bms.core.programs import ServableConfig
from bms.core.signature import DEFAULT, Signature, TensorSpec
from bms.core.tensor import NUMPY, Array
from bms.serving.inference.runtime import Found, Runtime
from bms.serving.lifecycle.servable import Servable

PYFUNC = "python_function"
STATE = "state"  # a pickled PyTorch module, which only MLflow itself opens, where pickles are allowed
# Each flavor with the runtimes that may run it, in the order in which they are asked.
FLAVORS = {
    "onnx": ("onnx",),
    "xgboost": ("xgboost", "sklearn"),
    "lightgbm": ("lightgbm", "sklearn"),
    "keras": ("keras", "tensorflow"),
    "tensorflow": ("keras", "tensorflow"),
    "pytorch": ("torch-export", "torchscript", "torch"),
    "sklearn": ("sklearn",),
}
_OBJECTS = frozenset({"sklearn", "torch"})  # runtimes whose files may need any of the listed packages
_EXACT = frozenset({"sklearn", "lightgbm", "xgboost"})  # runtimes that take numbers in any precision


class Inner(NamedTuple):
    """What runs a flavor: a runtime, the folder it is to load, and what it recognised there."""

    runtime: Runtime
    directory: str
    found: Found


class MlflowRuntime:
    """Runs MLflow's models by `others`, the runtimes there are, by name; python_function by MLflow itself."""

    name = "mlflow"

    def __init__(self, others: Mapping[str, Runtime]) -> None:
        self._others = others

    def recognises(self, directory: str) -> Found | None:
        flavors = flavors_of(directory)
        listed = asked_requirements(directory)
        inner = self._inner(directory)
        if inner is not None:
            found = inner.found
            more = without_mlflow(listed) if inner.runtime.name in _OBJECTS else ()
            needed = (*pinned(found.requirements, listed), *more)
            requirements = tuple(dict.fromkeys(needed))
            pickled = found.format in ("pickle", "joblib")
            python = minor_version(flavors) if pickled else found.python
            return Found(f"mlflow-{found.format}", requirements, python=python, whole=True, complete=True)
        if PYFUNC not in flavors:
            return None
        requirements = with_skinny(listed)
        return Found("mlflow-pyfunc", requirements, python=minor_version(flavors), whole=True, complete=True)

    def load(self, config: ServableConfig) -> CalledServable:
        if not flavors_of(config.directory):
            raise unexpected(config.directory, self, "a file MLmodel at the top")
        inner = self._inner(config.directory)
        if inner is None:
            return load_pyfunc(config)
        schema = schema_of(config.directory)
        own = structs.replace(config, runtime=inner.runtime.name, directory=inner.directory, signatures={})
        servable = inner.runtime.load(own)
        name, of = next(iter(servable.signatures.items()))
        exact = inner.runtime.name in _EXACT
        signature = of if schema is None else structs.replace(of, inputs=_inputs(schema, of))

        def call(_: str, inputs: Mapping[str, Array], outputs: tuple[str, ...]) -> dict[str, Array]:
            return servable.infer(name, _handed(inputs, signature, of, exact=exact), outputs)

        return _Closing(servable, served(config, f"mlflow-{servable.format}", call, {DEFAULT: signature}))

    def _inner(self, directory: str) -> Inner | None:
        flavors = flavors_of(directory)
        for flavor in (name for name in FLAVORS if name in flavors):
            for place in places(directory, flavors[flavor]):
                within = os.path.join(directory, place) if place else directory
                for runtime in (self._others[name] for name in FLAVORS[flavor] if name in self._others):
                    found = runtime.recognises(within)
                    if found is not None and found.format != STATE:
                        return Inner(runtime, within, found)
        return None


class _Closing(CalledServable):
    """Closes what it calls, too."""

    def __init__(self, inner: Servable, outer: CalledServable) -> None:
        super().__init__(outer.format, outer.infer, outer.signatures)
        self._inner = inner

    def close(self) -> None:
        super().close()
        self._inner.close()


def _inputs(schema: Schema, of: Signature) -> tuple[TensorSpec, ...]:
    """The inputs that MLflow names, if they can be handed over as those of the model itself.

    Raises FailedPrecondition when they can't.
    """
    if schema.columns:
        width = of.inputs[0].shape[1:] if len(of.inputs) == 1 else ()
        if width != (len(schema.inputs),) or any(spec.dtype == "BYTES" for spec in schema.inputs):
            raise FailedPrecondition(
                f"MLmodel names {len(schema.inputs)} columns, which can't be put together to what the model takes "
                f"({', '.join(f'{spec.name} {spec.dtype} {list(spec.shape)}' for spec in of.inputs)})"
            )
        return schema.inputs
    if len(schema.inputs) == 1 == len(of.inputs):
        spec = schema.inputs[0]
        return (structs.replace(spec, name=spec.name or of.inputs[0].name),)
    if {spec.name for spec in schema.inputs} != {spec.name for spec in of.inputs}:
        raise FailedPrecondition(
            f"MLmodel names the tensors {', '.join(repr(spec.name) for spec in schema.inputs)}, the model takes "
            f"{', '.join(repr(spec.name) for spec in of.inputs)}"
        )
    return schema.inputs


def _handed(inputs: Mapping[str, Array], given: Signature, of: Signature, *, exact: bool) -> dict[str, Array]:
    """The model's own inputs: columns beside one another, tensors by name, in its types."""
    if len(of.inputs) == 1:
        spec = of.inputs[0]
        arrays = [inputs[one.name] for one in given.inputs]
        whole = arrays[0] if len(arrays) == 1 and arrays[0].ndim == len(spec.shape) else np.stack(arrays, axis=1)
        return {spec.name: whole if exact or spec.dtype == "BYTES" else whole.astype(NUMPY[spec.dtype], copy=False)}
    return {spec.name: inputs[spec.name].astype(NUMPY[spec.dtype], copy=False) for spec in of.inputs}
