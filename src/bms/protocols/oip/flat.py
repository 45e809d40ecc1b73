"""A fast path for the commonest body of the Open Inference Protocol v2: JSON, one FP32 or FP64 input, as a flat list.

Whatever is not plainly that is left to the general way in `oip.py`, which reads it or says what is wrong with it; for
what is, both give the same (tests/unit/protocols hold them together).
"""

import struct
from collections.abc import Callable, Mapping
from math import prod
from typing import Any, NamedTuple

import msgspec
import numpy as np

from bms.core.tensors.casting import SMALL
from bms.core.tensors.request import InferRequest
from bms.core.tensors.signature import DEFAULT, Signature
from bms.core.tensors.tensor import NUMPY, Tensor
from bms.protocols.json.repeats import quotes_of

_LONGEST = 1 << 15  # bytes; longer bodies have faster ways than one object for every number
_REMEMBERED = 4096  # versions
_MARK = 34  # a quotation mark
_LETTERS = {"FP32": "f", "FP64": "d"}
Signatures = Mapping[str, Signature]


class FlatInput(msgspec.Struct, forbid_unknown_fields=True):
    """An input of such a body: `InputBody` without parameters, which may say that there are no JSON data."""

    name: str
    shape: tuple[int, ...]
    datatype: str
    data: list[float]


class FlatBody(msgspec.Struct, forbid_unknown_fields=True):
    """Such a body: `InferBody` without a choice of outputs."""

    inputs: list[FlatInput]
    id: str | None = None
    parameters: dict[str, Any] | None = None


class FlatBodyPlan(NamedTuple):
    """How to decode such bodies for a version whose default signature takes one tensor of floats, rows of a known
    shape."""

    input: str
    dtype: str
    kind: np.dtype[Any]
    letter: str
    tops: slice  # the last byte of each number
    small: bytes
    inner: tuple[int, ...]  # the shape of a row
    size: int  # its elements
    pack: Callable[..., bytes]  # one row


_decode = msgspec.json.Decoder(FlatBody).decode
_plans: dict[int, tuple[Signatures, FlatBodyPlan | None]] = {}


def decode_flat(
    body: bytes | memoryview, model: str, signatures: Signatures
) -> tuple[InferRequest, int, dict[str, Any] | None] | None:
    """Returns the request, its rows, and its parameters, unchecked; None for a body to be decoded the general way."""
    if len(body) > _LONGEST:
        return None
    known = _plans.get(id(signatures))
    plan = known[1] if known is not None and known[0] is signatures else _make_plan(signatures)
    if plan is None:
        return None
    input, dtype, kind, letter, tops, small, inner, size, pack = plan
    try:
        parsed = _decode(body)
        (given,) = parsed.inputs
        data, shape = given.data, given.shape
        count, rows = len(data), shape[0]
        if given.name != input or given.datatype != dtype or shape[1:] != inner or count != rows * size or not count:
            return None
        # Unlike a conversion by NumPy, packing refuses what FP32 cannot hold, and takes a third of the time.
        raw = pack(*data) if rows == 1 else struct.pack(f"<{count}{letter}", *data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError, ValueError, IndexError):
        return None
    if raw[tops].translate(None, small):
        return None  # which tells of digits that are lost
    marks = 14 if parsed.id is None else 18
    text = body if type(body) is bytes else bytes(body)
    if text.count(_MARK, 0, text.rfind(_MARK) + 1) != (
        marks if parsed.parameters is None else marks + 2 + quotes_of(parsed.parameters)
    ):
        return None  # which says what is there twice
    tensor = Tensor(input, np.ndarray(shape, kind, raw))
    return InferRequest(model=model, inputs=[tensor], signature=DEFAULT, id=parsed.id or None), rows, parsed.parameters


def _make_plan(signatures: Signatures) -> FlatBodyPlan | None:
    """Makes and caches the plan of a version, for as long as it is served; versions are few, and old ones are dropped
    together."""
    if len(_plans) >= _REMEMBERED:
        _plans.clear()
    plan = _plan(signatures.get(DEFAULT))
    _plans[id(signatures)] = (signatures, plan)
    return plan


def _plan(signature: Signature | None) -> FlatBodyPlan | None:
    if signature is None or not signature.batched or len(signature.inputs) != 1:
        return None
    (spec,) = signature.inputs
    inner = tuple(size for size in spec.shape[1:] if size is not None)
    size = prod(inner)
    letter = _LETTERS.get(spec.dtype)
    if letter is None or len(inner) != len(spec.shape) - 1 or not size or spec.shape[:1] != (None,):
        return None
    if spec.column is not None:
        return None
    tops = slice(NUMPY[spec.dtype].itemsize - 1, None, NUMPY[spec.dtype].itemsize)
    kind, pack = NUMPY[spec.dtype], struct.Struct(f"<{size}{letter}").pack
    return FlatBodyPlan(spec.name, spec.dtype, kind, letter, tops, SMALL[spec.dtype], inner, size, pack)
