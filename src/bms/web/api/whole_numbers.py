"""Refuses whole numbers beyond 63 bits in requests, since databases and files have no larger ones."""

import re

import msgspec

from bms.core.errors import InvalidArgument

LARGEST = 2**63 - 1
_LONG = re.compile(rb"\d{19}")


def check_numbers(given: object, path: str = "") -> None:
    """Raises InvalidArgument, which names the place, for a number beyond 63 bits anywhere in `given`: a struct, or what
    JSON is made of."""
    if isinstance(given, bool):
        return
    if isinstance(given, int):
        if not -LARGEST <= given <= LARGEST:
            said = str(given) if abs(given) < 10**40 else "a number of over 40 digits"
            raise InvalidArgument(f"{path or 'the body'} is {said}, expected at most {LARGEST} (2^63 - 1)")
    elif isinstance(given, msgspec.Struct):
        check_numbers(msgspec.structs.asdict(given), path)
    elif isinstance(given, dict):
        for name, value in given.items():
            check_numbers(value, f"{path}.{name}" if path else str(name)[:100])
    elif isinstance(given, list | tuple):
        for index, value in enumerate(given):
            check_numbers(value, f"{path}[{index}]")


def check_body(raw: bytes, body: object) -> None:
    """Checks a body decoded from `raw`, where numbers that are no whole ones may be as large as doubles are; what has
    no long number costs no second look."""
    if _LONG.search(raw):
        check_numbers(body)
