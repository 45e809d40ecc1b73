"""Reads the cells of a CSV column: whole columns of numbers at once, whose many cells would hold up every other request
if each were looked at by itself.

Both ways read the same texts to the same values; a column that is refused is read at once in slices, and one by one
only in the slice that holds the first cell that is no value.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bms.core.tensors.casting import EXACT_UP_TO
from bms.core.tensors.tensor import NUMPY

_EXACT = 2.0**53  # from here on a number with a point may have lost digits before it came
# As JSON writes numbers, a sign in front allowed, and what is not finite as Python and NumPy write it.
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:nan|inf|infinity)", re.ASCII | re.IGNORECASE)
_WORDS_OF_TRUTH = {"true": True, "True": True, "TRUE": True, "1": True} | {
    "false": False, "False": False, "FALSE": False, "0": False,
}  # fmt: skip
_DIGITS_OF_TRUTH = {word: str(int(truth)) for word, truth in _WORDS_OF_TRUTH.items()}
# Of these characters Python's int() and float() read what `_number` reads: no "_", no digits of other scripts, no tabs.
_WHOLE_CHARACTERS = b"0123456789+- "
_CHARACTERS = _WHOLE_CHARACTERS + b".eEnaifityNAIFTY"
_SLICE = 1024  # cells


class Misread(ValueError):
    """A cell that is no value of its column's type."""

    def __init__(self, row: int) -> None:
        super().__init__(row)
        self.row = row


def read_cells(texts: Sequence[str], dtype: str) -> list[Any]:
    """Reads the cells of a column of `dtype`; an empty one is None. Raises Misread for the first that is no value."""
    kind = NUMPY[dtype].kind
    if kind not in "fiu":
        return read_texts(texts, _boolean if kind == "b" else str)
    if (values := _at_once(texts, dtype)) is not None:
        return values
    read = _number if kind == "f" else _whole
    values = []
    for start in range(0, len(texts), _SLICE):
        part = texts[start : start + _SLICE]
        found = _at_once(part, dtype)
        values += read_texts(part, read, start) if found is None else found
    return values


def read_texts(texts: Sequence[str], read: Callable[[str], object], start: int = 0) -> list[Any]:
    """Reads cells one by one, the first of which is in row `start`; otherwise as `read_cells`."""
    values: list[Any] = []
    for row, text in enumerate(texts, start):
        try:
            values.append(None if text == "" else read(text))
        except ValueError:
            raise Misread(row) from None
    return values


def _at_once(texts: Sequence[str], dtype: str) -> list[Any] | None:
    """Reads cells of numbers; None where one is no number of the type, or of so many digits that it is read alone."""
    gaps = "" in texts
    filled: Sequence[str] = [text or "0" for text in texts] if gaps else texts
    if _without(filled, _CHARACTERS):
        filled = [_DIGITS_OF_TRUTH.get(text.strip(" "), text) for text in filled]
        if _without(filled, _CHARACTERS):
            return None
    try:
        if not _without(filled, _WHOLE_CHARACTERS):
            values: list[Any] | None = list(map(int, filled))
        else:
            values = _mixed(filled, dtype)
    except ValueError:
        return None
    if values is None or not gaps:
        return values
    return [value if text else None for text, value in zip(texts, values, strict=True)]


def _without(texts: Sequence[str], characters: bytes) -> bytes:
    """Returns what the texts hold besides `characters`."""
    return "".join(texts).encode(errors="replace").translate(None, characters)


def _mixed(texts: Sequence[str], dtype: str) -> list[Any] | None:
    """Reads numbers some of which may be written as whole ones: those stay whole where that makes a difference.

    Raises ValueError for what is no number.
    """
    floats: list[Any] = list(map(float, texts))
    array = np.array(floats)
    with np.errstate(invalid="ignore"):
        differ = (np.abs(array) >= EXACT_UP_TO.get(dtype, _EXACT)) | ((array == 0) & np.signbit(array))
        broken = array != np.floor(array)
    exact: dict[int, int] = {}
    for row in np.flatnonzero(differ).tolist():
        text = texts[row].strip(" +-")
        if text[-1].isdigit() and floats[row] in (np.inf, -np.inf):
            return None  # too large, and not written as infinite
        if text.isdigit():
            exact[row] = int(texts[row])
    values = floats
    if NUMPY[dtype].kind != "f":
        wrong = broken | ~(np.abs(array) < _EXACT)
        wrong[list(exact)] = False
        if wrong.any():
            return None
        array[list(exact)] = 0
        values = array.astype(np.int64).tolist()
    for row, value in exact.items():
        values[row] = value
    return values


def _number(text: str) -> float | int:
    text = text.strip(" ")
    if text in _WORDS_OF_TRUTH:
        return int(_WORDS_OF_TRUTH[text])
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    try:
        return int(text)
    except ValueError:
        value = float(text)
        if value in (np.inf, -np.inf) and text[-1].isdigit():
            raise  # too large, and not written as infinite
        return value


def _whole(text: str) -> int:
    value = _number(text)
    if isinstance(value, float) and not (value.is_integer() and abs(value) < _EXACT):
        raise ValueError(text)
    return int(value)


def _boolean(text: str) -> bool:
    known = _WORDS_OF_TRUTH.get(text)
    if known is None:
        raise ValueError(text)
    return known
