"""Whether the description of a Keras model names Keras's own layers and nothing else.

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
_MODULES = re.compile(rf"keras|builtins|keras\.({_KINDS})(\.\w+)*|keras\.src\.({_KINDS}|engine)(\.\w+)*")
_VALUES = frozenset({"__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__"})
_CODE = "Python code that would run as it is loaded"
REFUSED = {
    "Lambda": _CODE,
    "__lambda__": _CODE,
    "TorchModuleWrapper": "a pickled PyTorch module",
    "TFSMLayer": "a SavedModel elsewhere",
    "JaxLayer": _CODE,
    "FlaxLayer": _CODE,
}
TABLES = frozenset({"StringLookup", "IntegerLookup", "TextVectorization", "Hashing", "HashedCrossing"})


def check_config(name: str, config: Any) -> None:
    """Raises FailedPrecondition naming the first part that is refused, and what to do."""
    for part in _parts(config, 0):
        kind = part.get("class_name")
        if not isinstance(kind, str):
            continue
        module, registered = part.get("module"), part.get("registered_name")
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
        custom = isinstance(registered, str) and ">" in registered
        if custom or (module is not None and not (isinstance(module, str) and _MODULES.fullmatch(module))):
            raise FailedPrecondition(
                f"{name!r} needs {registered if custom else f'{module}.{kind}'}{label}, code that the file does not "
                "hold: export a SavedModel with model.export('folder'), which needs none"
            )


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
