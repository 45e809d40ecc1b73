"""Reads the signature that an ONNX graph itself declares."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from bms.adapters.runtimes.onnx.outputs import ServedOutput, tensor_spec
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import NUMPY, Array

Shared = Mapping[str, Sequence[tuple[str, int]]]
"""By its name, a free dimension that several inputs have: (input, axis) of each."""
_LABELS = msgspec.json.Decoder(tuple[str, ...])
_PROBABILITIES = frozenset({"Softmax", "ZipMap"})  # operators whose results are surely probabilities


def graph_inputs(session: Any) -> tuple[TensorSpec, ...]:
    """The graph's inputs. Raises FailedPrecondition for what is no tensor that can be carried."""
    return tuple(tensor_spec(given, "input") for given in session.get_inputs())


def shared_dimensions(session: Any) -> Shared:
    found: dict[str, list[tuple[str, int]]] = {}
    for given in session.get_inputs():
        for axis, size in enumerate(given.shape or ()):
            if isinstance(size, str) and size:
                found.setdefault(size, []).append((given.name, axis))
    return {name: places for name, places in found.items() if len({input for input, _ in places}) > 1}


def disagreement(shared: Shared, inputs: Mapping[str, Array]) -> str:
    """Describes how inputs disagree on a dimension that they share; empty where they don't."""
    for name, places in shared.items():
        sizes = {input: inputs[input].shape[axis] for input, axis in places if axis < inputs[input].ndim}
        if len(set(sizes.values())) > 1:
            told = ", ".join(f"{size} in {input!r}" for input, size in sizes.items())
            return f"inputs disagree on the dimension {name!r}, which they share: it is {told}"
    return ""


def zeros(inputs: tuple[TensorSpec, ...], rows: int) -> dict[str, Array] | None:
    """Makes an example: zeros and empty texts, of so many rows; None where the first dimensions do not leave that
    open."""
    if rows > 1 and any(spec.shape[:1] != (None,) for spec in inputs):
        return None
    feeds: dict[str, Array] = {}
    for spec in inputs:
        shape = [1 if size is None else size for size in spec.shape]
        if spec.shape[:1] == (None,):
            shape[0] = rows
        feeds[spec.name] = np.full(shape, "" if spec.dtype == "BYTES" else 0, dtype=NUMPY[spec.dtype])
    return feeds


def graph_signature(
    session: Any, given: tuple[ServedOutput, ...], producers: dict[str, str], unranked: frozenset[str] = frozenset()
) -> Signature:
    """The graph's signature. Batched where the first dimension of every input is free or, of those `unranked`, unknown,
    whatever outputs are declared to be: to be borne out by runs. A free or unknown rank is `()`.

    "classify" where one FP32 or FP64 output [rows, classes] is probabilities: made by Softmax or ZipMap, or named
    so beside an output of labels. `labels` come from ZipMap, or from a JSON list under "labels" in the metadata.
    Raises FailedPrecondition for tensors that can't be carried.
    """
    inputs = graph_inputs(session)
    outputs = tuple(output.spec for output in given)
    batched = bool(inputs) and all(spec.shape[:1] == (None,) or spec.name in unranked for spec in inputs)
    scores = _scores(outputs, producers) if batched else None
    labels: tuple[str, ...] = ()
    if scores is not None:
        keys = next(output.keys for output in given if output.spec.name == scores)
        labels = tuple(map(str, keys)) or _named_labels(session)
    return Signature(
        inputs=inputs,
        outputs=outputs,
        batched=batched,
        method="classify" if scores else "predict",
        scores=scores,
        labels=labels,
    )


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
