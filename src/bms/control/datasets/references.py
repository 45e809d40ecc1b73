"""How people name a version of a data set: `digits` (the newest ready one) or `digits@3`. Pure."""

from bms.core.errors import InvalidArgument
from bms.core.ids import check_name


def parse_reference(text: str) -> tuple[str, int | None]:
    """Name and number; None: the newest ready version. Raises InvalidArgument."""
    name, at, number = text.partition("@")
    if at and not (number.isascii() and number.isdecimal() and 0 < int(number) < 2**31):
        raise InvalidArgument(f"{text[:80]!r} names no version of a data set: write NAME or NAME@NUMBER, e.g. digits@3")
    return check_name("dataset", name), int(number) if at else None
