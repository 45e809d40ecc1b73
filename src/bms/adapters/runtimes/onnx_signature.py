"""The signature that an ONNX graph itself declares."""

import re
from typing import Any

import msgspec
import numpy as np

from bms.core.errors import FailedPrecondition
from bms.core.signature import Signature, TensorSpec
from bms.core.tensor import NUMPY, DType

_DTYPES: dict[str, DType] = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "float": "FP32",
    "double": "FP64",
    "string": "BYTES",
}
_TENSOR = re.compile(r"tensor\((\w+)\)")
_MAPS = ("seq(map(int64,tensor(float)))", "seq(map(string,tensor(float)))")
_LABELS = msgspec.json.Decoder(tuple[str, ...])
_PROBABILITIES = frozenset({"Softmax", "ZipMap"})  # operators whose results are surely probabilities


def map_keys(session: Any) -> dict[str, tuple[Any, ...]]:
    """The keys (classes) of every output that is a sequence of maps, learnt from one run with zeros."""
    names = [output.name for output in session.get_outputs() if output.type in _MAPS]
    if not names:
        return {}
    feeds = {}
    for spec in _inputs(session):
        shape = tuple(1 if size is None else size for size in spec.shape)
        feeds[spec.name] = np.full(shape, "" if spec.dtype == "BYTES" else 0, dtype=NUMPY[spec.dtype])
    return {name: tuple(value[0]) for name, value in zip(names, session.run(names, feeds), strict=True)}


def graph_signature(session: Any, keys: dict[str, tuple[Any, ...]], producers: dict[str, str]) -> Signature:
    """Batched where the first dimension of every input and output may be free; a free or unknown rank is `()`.

    "classify" where one FP32 or FP64 output [rows, classes] is probabilities: made by Softmax or ZipMap, or named
    so beside an output of labels. `labels` come from ZipMap, or from a JSON list under "labels" in the metadata.
    Raises FailedPrecondition for tensors that can't be carried.
    """
    inputs = _inputs(session)
    outputs = tuple(
        TensorSpec(name=output.name, dtype="FP32", shape=(None, len(keys[output.name])))
        if output.name in keys
        else _spec(output, "output")
        for output in session.get_outputs()
    )
    batched = all(spec.shape[:1] == (None,) for spec in inputs) and all(
        not spec.shape or spec.shape[0] is None for spec in outputs
    )
    scores = _scores(outputs, producers) if batched else None
    labels: tuple[str, ...] = ()
    if scores is not None:
        labels = tuple(map(str, keys.get(scores, ()))) or _named_labels(session)
    return Signature(
        inputs=inputs,
        outputs=outputs,
        batched=batched and bool(inputs),
        method="classify" if scores else "predict",
        scores=scores,
        labels=labels,
    )


def _inputs(session: Any) -> tuple[TensorSpec, ...]:
    return tuple(_spec(given, "input") for given in session.get_inputs())


def _spec(argument: Any, what: str) -> TensorSpec:
    found = _TENSOR.fullmatch(argument.type)
    dtype = _DTYPES.get(found[1]) if found else None
    if dtype is None:
        raise FailedPrecondition(
            f"{what} {argument.name!r} is a {argument.type}, which can't be sent: export the model so that it is a "
            "tensor of a standard type (scikit-learn: convert with options={'zipmap': False})"
        )
    shape = tuple(size if isinstance(size, int) and size >= 0 else None for size in argument.shape or ())
    return TensorSpec(name=argument.name, dtype=dtype, shape=shape)


def _scores(outputs: tuple[TensorSpec, ...], producers: dict[str, str]) -> str | None:
    labelled = any("label" in spec.name.lower() and len(spec.shape) <= 1 for spec in outputs)
    found = [
        spec.name
        for spec in outputs
        if spec.dtype in ("FP32", "FP64")
        and len(spec.shape) == 2
        and (producers.get(spec.name) in _PROBABILITIES or (labelled and "prob" in spec.name.lower()))
    ]
    return found[0] if len(found) == 1 else None


def _named_labels(session: Any) -> tuple[str, ...]:
    text = session.get_modelmeta().custom_metadata_map.get("labels", "")
    try:
        return _LABELS.decode(text) if text else ()
    except msgspec.MsgspecError:
        return ()  # somebody else's key of the same name
