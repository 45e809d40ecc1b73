"""Recognises ISO 8601 dates and times, and writes NumPy's datetimes as such."""

import re
from collections.abc import Iterable
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ]([0-2]\d:[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?)(Z|[+-][0-2]\d:?[0-5]\d)?)?", re.ASCII
)
_DAYS = ("Y", "M", "W")  # units of NumPy that are written as days
_NO_UNIT = "generic"


def are_datetimes(texts: Iterable[str]) -> bool:
    """Whether all of `texts`, at least one, are dates or dates with times, `2026-11-21` or `2026-11-21T10:00:00.5Z`, up
    to nanoseconds, that exist; and whether all have an offset from UTC, or none."""
    offsets = {_has_offset(text) for text in texts}
    return len(offsets) == 1 and None not in offsets


def _has_offset(text: str) -> bool | None:
    """None: `text` is no date that exists."""
    found = _ISO.fullmatch(text)
    if found is None:
        return None
    try:
        datetime.fromisoformat(f"{found[1]}T{(found[2] or '00:00').partition('.')[0]}{found[3] or ''}")
    except ValueError:
        return None
    return found[3] is not None


def texts_of(values: NDArray[np.datetime64]) -> list[str | None] | None:
    """Writes each of `values` [n] as text, to the last digit of its unit; None for a missing one (NaT). None for all of
    them where one has no such text: it is outside the years 1 to 9999, or finer than nanoseconds."""
    unit = np.datetime_data(values.dtype)[0]
    if unit == _NO_UNIT:
        return None
    written = values.astype("M8[D]" if unit in _DAYS else "M8[m]" if unit == "h" else values.dtype)
    texts = [None if text == "NaT" else str(text) for text in np.datetime_as_string(written).tolist()]
    there = [text for text in texts if text is not None]
    return texts if not there or are_datetimes(there) else None
