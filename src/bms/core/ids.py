"""Identifiers that sort by creation time, and the rules for names."""

import re
import secrets
import time

from bms.core.errors import InvalidArgument

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case
NAME = "[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?"  # a pattern, as JSON Schema takes it, too
PUBLIC_NAME = NAME.replace("a-z", "A-Za-z")
_NAME = re.compile(NAME)
_ANY_CASE = re.compile(PUBLIC_NAME)


def new_id(prefix: str) -> str:
    """Returns a fresh identifier `prefix_` + 26 characters: 48 bits of milliseconds, 80 random bits (ULID's layout)."""
    value = (time.time_ns() // 1_000_000 & (1 << 48) - 1) << 80 | secrets.randbits(80)
    digits = [_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5)]
    return f"{prefix}_{''.join(digits)}"


def check_name(what: str, name: str) -> str:
    """Returns `name` if it may name a `what`; it becomes part of URLs, paths and file names.

    Raises InvalidArgument unless it is 1–63 lower-case letters, digits, '.', '_' or '-', and begins and
    ends with a letter or digit.
    """
    if not _NAME.fullmatch(name):
        raise _invalid(what, name, "lower-case letters")
    return name


def check_public_name(what: str, name: str) -> str:
    """Returns `name` if clients may ask for a `what` by it, a model or a deployment: as in `check_name`, and capitals,
    too, since names that they have from other servers have them. Two that differ by case alone are one to whoever keeps
    them. Raises InvalidArgument."""
    if not _ANY_CASE.fullmatch(name):
        raise _invalid(what, name, "letters (A to Z, a to z)")
    return name


def differs_by_case(what: str, name: str, there: str) -> str:
    """Returns the error text for a `what` whose name differs from an existing one by case alone."""
    return f"a {what} named {there!r} exists already, and {name!r} differs from it by case alone: choose another name"


def _invalid(what: str, name: str, letters: str) -> InvalidArgument:
    return InvalidArgument(
        f"{what} name {name[:80]!r} is not valid: use 1 to 63 {letters}, digits, '.', '_' or '-', "
        "beginning and ending with a letter or digit"
    )
