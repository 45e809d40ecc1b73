"""How long whoever could not answer asks to be left alone: Retry-After (RFC 9110, 10.2.3)."""

from datetime import datetime
from email.utils import parsedate_to_datetime
from math import isfinite

LONGEST_S = 3600.0  # that is passed on from what we do not run


def seconds_asked(text: str, now: datetime) -> float | None:
    """Of a header's value, a number of seconds or a date; None for what is neither. `now` has a time zone."""
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        return max(0.0, seconds) if isfinite(seconds) else None
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (ValueError, TypeError):  # TypeError: a date without a time zone
        return None


def passed_on(seconds: object) -> float | None:
    """What code that is not ours says to wait, bounded; None where it says nothing that can be waited."""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not isfinite(seconds) or seconds < 0:
        return None
    return min(float(seconds), LONGEST_S)
