"""Reads the signatures that a SavedModel itself declares."""

from collections.abc import Mapping

from msgspec import structs

from bms.adapters.runtimes.servables.class_scores import NAMES
from bms.adapters.runtimes.servables.declared import ask
from bms.adapters.runtimes.tensorflow.examples import features_of
from bms.adapters.runtimes.tensorflow.file import MetaGraph, SavedSignature, SavedTensor
from bms.core.errors import FailedPrecondition
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec
from bms.core.tensors.tensor import DType

_CLASSIFY, _REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"
_METHODS = (_CLASSIFY, _REGRESS)
_SCORES = "scores"  # as TensorFlow Serving calls them
Shape = tuple[int | None, ...]
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


def signatures_of(graph: MetaGraph, declared: Mapping[str, Signature]) -> dict[str, Signature]:
    """Every signature with inputs and outputs that can be carried, the default one first. Inputs whose number of
    dimensions the graph does not hold have those that were `declared`.

    Raises FailedPrecondition when there is none, naming what is in the way, or asking for the dimensions.
    """
    found: dict[str, Signature] = {}
    reasons: list[str] = []
    open_inputs: list[str] = []
    own = [name for name in graph.signatures if not name.startswith("__saved_model_")]
    for name in sorted(own, key=lambda name: (name != DEFAULT, name)):
        info, shapes = graph.signatures[name], _declared_shapes(name, own, declared)
        try:
            one = with_examples(_signature(name, info, shapes or {}), info, graph)
        except FailedPrecondition as error:
            reasons.append(error.message)
            continue
        unknown = [key for key, given in info.inputs.items() if given.shape is None and key not in (shapes or {})]
        if not unknown:
            found[name] = one
        elif shapes is None:
            open_inputs.append(f"input {unknown[0]!r} of signature {name!r}")
        else:
            reasons.append(f"what was declared for signature {name!r} lacks the model's input {unknown[0]!r}")
    if open_inputs and not found:
        raise ask("tensorflow", f"{open_inputs[0]} has no known number of dimensions")
    if not found:
        raise FailedPrecondition(
            "the SavedModel has no signature that can be called"
            + (f": {reasons[0]}" if reasons else "")
            + "; export it with signatures of plain tensors, e.g. tf.saved_model.save(model, path, signatures=…)"
        )
    return found


def with_examples(signature: Signature, info: SavedSignature, graph: MetaGraph) -> Signature:
    """The same, where its one input holds serialized `tf.train.Example`s, with the features that are read of them, and
    with the method that TensorFlow Serving calls it by."""
    spec = signature.inputs[0]
    if len(signature.inputs) != 1 or spec.dtype != "BYTES" or spec.shape != (None,):
        return signature
    features = features_of(graph, info.inputs[spec.name])
    if features is None and info.method not in _METHODS:
        return signature
    signature = structs.replace(signature, inputs=(structs.replace(spec, features=features or ()),))
    return with_method(signature, info.method)


def with_method(signature: Signature, method: str) -> Signature:
    """The same with a method of TensorFlow Serving's, if its outputs are those that it asks for: scores of classes, or
    a number."""
    if method == _CLASSIFY and any(spec.name == _SCORES and len(spec.shape) == 2 for spec in signature.outputs):
        return structs.replace(signature, method="classify", scores=_SCORES)
    if method == _REGRESS and len(signature.outputs) == 1 and signature.outputs[0].dtype != "BYTES":
        return structs.replace(signature, method="regress")
    return signature


def chosen(name: str, found: Mapping[str, Signature]) -> str:
    """The model's own signature behind a declared one: that of its name, else the default or only one."""
    if name in found:
        return name
    if DEFAULT in found or len(found) == 1:
        return DEFAULT if DEFAULT in found else next(iter(found))
    raise FailedPrecondition(f"the SavedModel has no signature {name!r}: it has {', '.join(map(repr, found))}")


def _declared_shapes(name: str, own: list[str], declared: Mapping[str, Signature]) -> dict[str, Shape] | None:
    """By the names of inputs, of the declared signature that calls the model's own one `name`, as `chosen` says; None
    where none does."""
    for said, one in declared.items():
        if said == name or (said not in own and (name == DEFAULT or len(own) == 1)):
            return {spec.name: spec.shape for spec in one.inputs}
    return None


def _signature(name: str, info: SavedSignature, shapes: Mapping[str, Shape]) -> Signature:
    inputs = tuple(_spec(name, "input", key, one, shapes.get(key, ())) for key, one in sorted(info.inputs.items()))
    outputs = tuple(_spec(name, "output", key, one, ()) for key, one in sorted(info.outputs.items(), key=_scores_first))
    if not inputs or not outputs:
        raise FailedPrecondition(f"signature {name!r} has no {'outputs' if inputs else 'inputs'}")
    batched = all(spec.shape[:1] == (None,) for spec in inputs)
    return Signature(inputs=inputs, outputs=outputs, batched=batched)


def _scores_first(item: tuple[str, SavedTensor]) -> tuple[bool, str]:
    return item[0].lower() not in NAMES, item[0]


def _spec(signature: str, what: str, name: str, info: SavedTensor, declared: Shape) -> TensorSpec:
    """`declared` is the shape where the graph does not even hold the number of dimensions."""
    dtype = _DTYPES.get(info.dtype)
    if dtype is None or not info.plain:
        kind = "sparse or composite" if not info.plain else f"of a type ({info.dtype} in types.proto) that no wire has"
        raise FailedPrecondition(f"{what} {name!r} of signature {signature!r} is {kind}")
    return TensorSpec(name=name, dtype=dtype, shape=declared if info.shape is None else info.shape)
