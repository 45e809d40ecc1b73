"""The signatures that a SavedModel itself declares."""

from collections.abc import Mapping

from bms.adapters.runtimes.class_scores import NAMES
from bms.adapters.runtimes.tensorflow_file import MetaGraph, SignatureInfo, TensorInfo
from bms.core.errors import FailedPrecondition
from bms.core.signature import DEFAULT, Signature, TensorSpec
from bms.core.tensor import DType

_DTYPES: dict[int, DType] = {  # types.proto
    1: "FP32",
    2: "FP64",
    3: "INT32",
    4: "UINT8",
    5: "INT16",
    6: "INT8",
    7: "BYTES",
    9: "INT64",
    10: "BOOL",
    17: "UINT16",
    19: "FP16",
    22: "UINT32",
    23: "UINT64",
}


def unranked(graph: MetaGraph, name: str) -> list[str]:
    """The inputs of a signature of which the graph says nothing of the dimensions."""
    return sorted(key for key, info in graph.signatures[name].inputs.items() if info.shape is None)


def signatures_of(graph: MetaGraph) -> dict[str, Signature]:
    """Every signature with inputs and outputs that can be carried, the default one first; `unranked` inputs as `()`.

    Raises FailedPrecondition when there is none, naming what is in the way.
    """
    found: dict[str, Signature] = {}
    reasons: list[str] = []
    names = sorted(graph.signatures, key=lambda name: (name != DEFAULT, name))
    for name in (name for name in names if not name.startswith("__saved_model_")):
        try:
            found[name] = _signature(name, graph.signatures[name])
        except FailedPrecondition as error:
            reasons.append(error.message)
    if not found:
        raise FailedPrecondition(
            "the SavedModel has no signature that can be called"
            + (f": {reasons[0]}" if reasons else "")
            + "; export it with signatures of plain tensors, e.g. tf.saved_model.save(model, path, signatures=…)"
        )
    return found


def chosen(name: str, found: Mapping[str, Signature]) -> str:
    """The model's own signature behind a declared one: that of its name, else the default or only one."""
    if name in found:
        return name
    if DEFAULT in found or len(found) == 1:
        return DEFAULT if DEFAULT in found else next(iter(found))
    raise FailedPrecondition(f"the SavedModel has no signature {name!r}: it has {', '.join(map(repr, found))}")


def _signature(name: str, info: SignatureInfo) -> Signature:
    inputs = tuple(_spec(name, "input", key, one) for key, one in sorted(info.inputs.items()))
    outputs = tuple(_spec(name, "output", key, one) for key, one in sorted(info.outputs.items(), key=_scores_first))
    if not inputs or not outputs:
        raise FailedPrecondition(f"signature {name!r} has no {'outputs' if inputs else 'inputs'}")
    batched = all(spec.shape[:1] == (None,) or info.inputs[spec.name].shape is None for spec in inputs)
    return Signature(inputs=inputs, outputs=outputs, batched=batched)


def _scores_first(item: tuple[str, TensorInfo]) -> tuple[bool, str]:
    return item[0].lower() not in NAMES, item[0]


def _spec(signature: str, what: str, name: str, info: TensorInfo) -> TensorSpec:
    dtype = _DTYPES.get(info.dtype)
    if dtype is None or not info.plain:
        kind = "sparse or composite" if not info.plain else f"of a type ({info.dtype} in types.proto) that no wire has"
        raise FailedPrecondition(f"{what} {name!r} of signature {signature!r} is {kind}")
    return TensorSpec(name=name, dtype=dtype, shape=info.shape or ())
