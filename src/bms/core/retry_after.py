"""Retry-After (RFC 9110, 10.2.3): how long a server that could not answer asks its caller to wait."""

from datetime import datetime
from email.utils import parsedate_to_datetime
from math import inf, isfinite

LONGEST_S = 3600.0  # that is passed on from what we do not run


def parse_retry_after(text: str, now: datetime) -> float | None:
    """Parses a header's value, a number of seconds or a date; None for what is neither. `now` has a time zone."""
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        return max(0.0, seconds) if isfinite(seconds) else None
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (ValueError, TypeError, OverflowError):  # TypeError: a date without a time zone
        return None


def bounded_retry_after(seconds: object) -> float | None:
    """Bounds the seconds that code which is not ours asks to wait; None where they can't be waited."""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not seconds >= 0 or seconds == inf:
        return None
    return float(min(seconds, LONGEST_S))  # an integer may be larger than any float
