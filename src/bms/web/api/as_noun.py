"""What a body says, as the noun that it is about, whose own type decides whether words and numbers are some."""

from typing import TypeVar

import msgspec

from bms.core.errors import InvalidArgument

N = TypeVar("N")


def as_noun(given: object, kind: type[N], place: str) -> N:
    """`given`, a type of the API or several of them, read as `kind`. Raises InvalidArgument naming the place in the
    body, where it stands as the member `place`."""
    try:
        return msgspec.convert(msgspec.to_builtins(given), type=kind)
    except msgspec.ValidationError as error:
        said = str(error)
        told = said.replace("`$", f"`$.{place}") if "`$" in said else f"{said} - at `$.{place}`"
        raise InvalidArgument(f"the body is not what this path takes: {told}") from None
