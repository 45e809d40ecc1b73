"""The classification extension: the best few classes of each row as `value:index[:label]`, instead of all scores.

Source: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_classification.md
Values are written in their own shortest digits, which lose nothing; equal ones come in the order of their indices.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bms.core.errors import InvalidArgument
from bms.core.tensors.class_names import class_labels
from bms.core.tensors.signature import Signature
from bms.core.tensors.tensor import Array


class TopClasses(NamedTuple):
    """How many of an output's best classes to answer at most, and their labels where they are known."""

    most: int
    labels: tuple[str, ...]
    batched: bool  # the first dimension counts rows


def classes_of(signature: Signature, output: str, count: int) -> TopClasses:
    """Reads `parameters.classification` of one output. Raises InvalidArgument for an output without numbers."""
    if signature.output(output).dtype == "BYTES":
        raise InvalidArgument(f"output {output!r} holds BYTES: classification needs numbers to compare")
    return TopClasses(count, class_labels(signature, output), signature.batched)


def best_classes(array: Array, wanted: TopClasses) -> Array:
    """Returns BYTES of shape [rows, k], or [k] where the model is not batched; k is `wanted.most`, or as many as there
    are.

    Classes are numbered in row-major order where a row has several dimensions.
    """
    if array.dtype == np.bool_:
        array = array.astype(np.uint8)
    batched = wanted.batched and array.ndim > 0
    rows = array.reshape((array.shape[0], -1) if batched and array.size else (1, -1))
    kept = min(wanted.most, rows.shape[1])
    out = np.empty((rows.shape[0], kept), dtype=object)
    for row, line in enumerate(rows):
        for place, index in enumerate(_descending(line)[:kept]):
            out[row, place] = _text(line[index], int(index), wanted.labels)
    return out if batched else out[0]


def _descending(line: Array) -> npt.NDArray[np.intp]:
    """Returns indices from the largest to the smallest; equal ones in order, NaN last."""
    if line.dtype.kind == "f":
        return np.argsort(np.negative(line), kind="stable")
    return (line.size - 1 - np.argsort(line[::-1], kind="stable"))[::-1]


def _text(value: np.generic, index: int, labels: tuple[str, ...]) -> bytes:
    text = f"{value!s}:{index}"  # a float32 formatted without !s would be written as the double it is not
    return (f"{text}:{labels[index]}" if index < len(labels) else text).encode()


NO_CLASSES: Mapping[str, TopClasses] = {}
