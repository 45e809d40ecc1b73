"""Maps a client's tensor names to a signature's inputs, for clients that don't know them, as the SDKs of KServe and
MLServer do.

A signature that takes the names as they came is the one meant, unless texts came for its one input of numbers: an
encoded image may be sent under the name of what it is made into. Otherwise one tensor is the one input, several named
`input-0`, `input-1`, … (MLServer counts from 1) are the inputs in their order, and the columns of a frame (the
request's content type `pd`) are, side by side, the one matrix that a model takes which knows no columns.
"""

import re
from collections.abc import Mapping

import numpy as np

from bms.core.tensors.casting import cast, rounded_note
from bms.core.tensors.columns import mask_name
from bms.core.tensors.fitting import one_column
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec, fits, is_table
from bms.core.tensors.tensor import NUMPY, Array, Tensor
from bms.protocols.signature_choice import choose_signature, takes

_NUMBERED = re.compile(r"input[-_]*(\d{1,4})", re.ASCII | re.IGNORECASE)
FRAME = "pd"


def map_client_names(
    signatures: Mapping[str, Signature],
    named: str | None,
    tensors: list[Tensor],
    content_type: object,
    notes: list[str],
) -> tuple[str, list[Tensor]]:
    """Returns the name of the signature meant, and the tensors under its names; as they are where nothing else can be
    meant.

    `named` is the signature that was asked for; `content_type` the request's. Raises InvalidArgument as
    `choose_signature` does.
    """
    names = [tensor.name for tensor in tensors]
    chosen = choose_signature(signatures, named, names)
    if takes(signatures[chosen], names) and not _texts_for_numbers(signatures[chosen], tensors):
        return chosen, tensors
    others = [] if named is not None else [DEFAULT, *signatures]
    candidates = [name for name in dict.fromkeys((chosen, *others)) if name in signatures]
    placed = {name: _placed(signatures[name], tensors) for name in candidates}
    for name, made in placed.items():
        if made is not None and _could_be(signatures[name], made):
            return name, made
    if content_type == FRAME and not any(map(is_table, signatures.values())):
        for name in candidates:
            matrix = _matrix(signatures[name], tensors, notes)
            if matrix is not None:
                return name, [matrix]
    return chosen, placed[chosen] or tensors  # whose check says what is wrong


def _placed(signature: Signature, tensors: list[Tensor]) -> list[Tensor] | None:
    """Returns the tensors under the names of the inputs that they stand for; None where their own names don't say."""
    masks = {mask_name(tensor.name) for tensor in tensors}
    values = [tensor for tensor in tensors if tensor.name not in masks]
    specs = signature.inputs
    if len(values) != len(specs):
        return None
    order = _order([tensor.name for tensor in values])
    if order is None and len(specs) == 1 and not is_table(signature):
        order = [0]  # columns have names that must be given, or none
    if order is None or (is_table(signature) and len(specs) > 1):
        return None
    renamed = {values[at].name: spec.name for at, spec in zip(order, specs, strict=True)}
    renamed |= {mask_name(old): mask_name(new) for old, new in renamed.items()}
    return [Tensor(renamed[tensor.name], tensor.array) for tensor in tensors]


def _order(names: list[str]) -> list[int] | None:
    """Returns the order of tensors that are numbered from 0 or from 1 on; None for other names."""
    found = [_NUMBERED.fullmatch(name) for name in names]
    numbers = [int(each[1]) for each in found if each is not None]
    first = min(numbers, default=-1)
    if first not in (0, 1) or sorted(numbers) != list(range(first, first + len(names))):
        return None
    return [numbers.index(number) for number in range(first, first + len(names))]


def _texts_for_numbers(signature: Signature, tensors: list[Tensor]) -> bool:
    """Whether the one tensor is texts, and the signature's one input is not."""
    specs = signature.inputs
    only = len(specs) == 1 == len(tensors)
    return only and specs[0].column is None and specs[0].dtype != "BYTES" and tensors[0].dtype == "BYTES"


def _could_be(signature: Signature, tensors: list[Tensor]) -> bool:
    given = {tensor.name: tensor for tensor in tensors}
    return all(_alike(spec, given[spec.name]) for spec in signature.inputs)


def _alike(spec: TensorSpec, tensor: Tensor) -> bool:
    """Whether a tensor suits an input: texts for texts, numbers for numbers, in a shape that fits or is made to."""
    if (tensor.dtype == "BYTES") != (spec.dtype == "BYTES"):
        return False
    return fits(one_column(tensor.array, spec).shape, spec.shape)


def _matrix(signature: Signature, tensors: list[Tensor], notes: list[str]) -> Tensor | None:
    if len(signature.inputs) != 1 or is_table(signature):
        return None
    (spec,) = signature.inputs
    rows = len(tensors[0].array) if tensors[0].array.ndim else 0
    wanted = spec.shape[1:]
    if spec.dtype == "BYTES" or wanted not in ((None,), (len(tensors),)):
        return None
    columns: list[Array] = []
    for tensor in tensors:
        if tensor.dtype == "BYTES" or tensor.array.shape not in ((rows,), (rows, 1)):
            return None
        column, rounded = cast(tensor.array.reshape(rows), spec.dtype, tensor.name)
        if rounded:
            notes.append(rounded_note(tensor.name, tensor.dtype, spec.dtype))
        columns.append(column)
    return Tensor(spec.name, np.stack(columns, axis=1).astype(NUMPY[spec.dtype], copy=False))
