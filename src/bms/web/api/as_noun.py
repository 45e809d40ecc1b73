"""Converts a request body, a type of `api_types`, into a noun of control, whose own type checks its values."""

from typing import TypeVar

import msgspec

from bms.core.errors import InvalidArgument

N = TypeVar("N")


def as_noun(given: object, kind: type[N], place: str) -> N:
    """Converts `given`, one or several types of the API, to `kind`. Raises InvalidArgument naming the place in the
    body, where it stands as the member `place`."""
    try:
        return msgspec.convert(msgspec.to_builtins(given), type=kind)
    except msgspec.ValidationError as error:
        said = str(error)
        told = said.replace("`$", f"`$.{place}") if "`$" in said else f"{said} - at `$.{place}`"
        raise InvalidArgument(f"the body is not what this path takes: {told}") from None
