"""Checks that a Keras model's description names Keras's own layers and nothing else.

Keras looks up what a description names among all of its functions, or imports it; loading in safe mode refuses some of
that. Here only the parts that models are made of may be named, so that no other code is reached at all.
"""

import re
from collections.abc import Iterator
from typing import Any

from bms.core.errors import FailedPrecondition

_MAX_DEPTH = 200
_KINDS = (
    "layers|models|initializers|regularizers|constraints|activations|dtype_policies|quantizers"
    "|optimizers|losses|metrics"
)
_OPS = "core|einops|image|linalg|math|nn|numpy"  # what functional models compute between layers: x * 2, ops.mean
_MODULES = re.compile(
    rf"keras|builtins|keras\.({_KINDS})(\.\w+)*|keras\.src\.({_KINDS}|engine)(\.\w+)*|keras\.src\.ops\.({_OPS})"
    r"|keras\._legacy\.layers|keras\.src\.applications\.(convnext|inception_resnet_v2)"
)
_FUNCTIONS = re.compile(r"keras\.(activations|constraints|initializers|losses|metrics|regularizers)|builtins")
_SEEDS = frozenset({("keras.random", "SeedGenerator"), ("keras.src.random.seed_generator", "SeedGenerator")})
_VALUES = frozenset({"__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__"})
_CODE = "Python code that would run as it is loaded"
_OLD = "an operation of TensorFlow, as Keras 2 wrote it"
REFUSED = {
    "Lambda": _CODE,
    "__lambda__": _CODE,
    "TorchModuleWrapper": "a pickled PyTorch module",
    "TFSMLayer": "a SavedModel elsewhere",
    "JaxLayer": _CODE,
    "FlaxLayer": _CODE,
    **dict.fromkeys(("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer", "ClassMethod", "InstanceMethod"), _OLD),
}
TABLES = frozenset({"StringLookup", "IntegerLookup", "TextVectorization", "Hashing", "HashedCrossing"})


def check_config(name: str, config: Any) -> None:
    """Checks a model's description. Raises FailedPrecondition naming the first part that is refused, and what to do."""
    for part in _parts(config, 0):
        kind = part.get("class_name")
        if not isinstance(kind, str):
            continue
        label = _label(part)
        if kind in REFUSED:
            raise FailedPrecondition(
                f"{name!r} holds a {kind}{label}: {REFUSED[kind]}, which is never loaded. Write it with Keras's own "
                "layers (e.g. Rescaling, Activation), or export a SavedModel with model.export('folder')"
            )
        if kind in TABLES:
            raise FailedPrecondition(
                f"{name!r} holds a {kind}{label}, which only TensorFlow computes: export a SavedModel with "
                "model.export('folder'), which carries its table"
            )
        if kind.startswith("__") and kind not in _VALUES:
            raise FailedPrecondition(f"{name!r} holds a value of the kind {kind[:80]!r}, which is never loaded")
        if not _is_keras(kind, part):
            module, registered = part.get("module"), part.get("registered_name")
            named = registered if isinstance(registered, str) and ">" in registered else f"{module}.{kind}"
            raise FailedPrecondition(
                f"{name!r} needs {named.removeprefix('None.')[:200]}{label}, code that the file does not hold: export "
                "a SavedModel with model.export('folder'), which needs none"
            )
        settings = part.get("config")
        if isinstance(settings, dict) and settings.get("stateful") is True:
            raise FailedPrecondition(
                f"{name!r} holds a {kind}{label} with stateful=True, which would answer one caller with what it keeps "
                "of another's rows: save the model with stateful=False"
            )


def _is_keras(kind: str, part: dict[str, Any]) -> bool:
    """Whether a part is one of Keras's own that models are made of, by its module and the name it is registered by."""
    module, registered = part.get("module"), part.get("registered_name")
    if isinstance(registered, str) and ">" in registered:
        return False
    if module is None:  # values, and the parts of older files, which name no modules; a class of one's own says null
        return kind in _VALUES or not registered
    if not isinstance(module, str):
        return False
    if kind == "function":
        return _FUNCTIONS.fullmatch(module) is not None
    return _MODULES.fullmatch(module) is not None or (module, kind) in _SEEDS


def _label(part: dict[str, Any]) -> str:
    settings = part.get("config")
    name = settings.get("name") if isinstance(settings, dict) else None
    return f" ({name[:80]!r})" if isinstance(name, str) else ""


def _parts(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    """Every object within, but for how the model was trained, which is not loaded."""
    if depth > _MAX_DEPTH:
        raise FailedPrecondition(f"the model's description is nested deeper than {_MAX_DEPTH}")
    if isinstance(value, dict):
        yield value
        for key, inner in value.items():
            if key != "compile_config" or depth:
                yield from _parts(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _parts(inner, depth + 1)
