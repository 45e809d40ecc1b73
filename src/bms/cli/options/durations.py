"""Parses durations such as `15m`."""

import re

from bms.core.errors import InvalidArgument

_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
LONGEST_S = 36_500 * 86400.0  # dates have bounds that far longer times would pass
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d|w)")


def parse_duration(text: str) -> float:
    """Parses seconds from `90s`, `15m`, `12h`, `30d`, `2w`. Raises InvalidArgument."""
    found = _DURATION.fullmatch(text.strip())
    if not found:
        raise InvalidArgument(f"{text!r} is not a length of time: write for example 90s, 15m, 12h, 30d or 2w")
    seconds = float(found[1]) * _UNITS[found[2]]
    if seconds > LONGEST_S:
        raise InvalidArgument(f"{text.strip()[:40]!r} is longer than a hundred years: write a shorter time, as 30d")
    return seconds
