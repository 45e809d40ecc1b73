"""A fast path for answers of the Open Inference Protocol v2 to calls that ran together: all their numbers are written
as JSON at once, and each answer is put together from its rows. For the same outputs it gives the bytes that `infer.py`
gives; beside a number that JSON has no word for, in any of the rows, the others may be written in other digits, for the
same values."""

from functools import lru_cache
from typing import NamedTuple

import orjson

from bms.core.tensors.outputs import OutputRows, Together
from bms.core.tensors.tensor import Array, dtype_of
from bms.protocols.json.tensors import dump


class _Output(NamedTuple):
    """An output encoded in parts: `before` and `middle` stand around the number of rows; `rows` are the numbers of
    each, without brackets."""

    before: bytes
    middle: bytes
    rows: list[bytes]


def encode_rows(model: str, version: int, id: str | None, outputs: OutputRows) -> bytes | None:
    """Encodes one call's body with all outputs in JSON; None where some of them are not numbers that JSON carries."""
    whole = outputs.whole
    written = whole.memo
    if not isinstance(written, list):
        whole.memo = written = _write(whole) or []
    if not written:
        return None
    start, end = outputs.start, outputs.end
    parts = [_head(model, version, id)]
    if end - start == 1:
        for before, middle, rows in written:
            parts += (before, b"1", middle, rows[start])
    else:
        count = b"%d" % (end - start)
        for before, middle, rows in written:
            parts += (before, count, middle, b",".join(rows[start:end]))
    parts.append(b"]}]}")
    return b"".join(parts)


@lru_cache(maxsize=4096)
def _head(model: str, version: int, id: str | None) -> bytes:
    head: dict[str, object] = {"model_name": model, "model_version": str(version)}
    if id is not None:
        head["id"] = id
    return orjson.dumps(head)[:-1] + b',"outputs":['


def _write(whole: Together) -> list[_Output] | None:
    written: list[_Output] = []
    for name, array in whole.tensors:
        dtype = dtype_of(array)
        if dtype == "BYTES" or not array.size:
            return None
        before = b'%b{"name":%b,"datatype":%b,"shape":[' % (
            b"]}," if written else b"",
            orjson.dumps(name),
            orjson.dumps(dtype),
        )
        inner = b"".join(b",%d" % size for size in array.shape[1:])
        written.append(_Output(before, inner + b'],"data":[', _rows(array)))
    return written


def _rows(array: Array) -> list[bytes]:
    """Encodes the numbers of each row, with commas between."""
    if array.ndim == 1:
        return dump(array)[1:-1].split(b",")
    return dump(array.reshape(len(array), -1))[2:-2].split(b"],[")
