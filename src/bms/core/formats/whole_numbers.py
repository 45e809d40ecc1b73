"""Whole numbers written with a point (`2.0`), as languages with one kind of number do."""

_EXACT = 2.0**53  # from here on such a number may have lost digits before it was written


def without_point(value: object) -> object:
    """Returns 2.0 as 2; whatever is no such number as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT else value
