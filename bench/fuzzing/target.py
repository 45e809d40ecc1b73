"""What a fuzz target is: bytes in, whether they were taken, and nothing else may happen."""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from bms.core.errors import BmsError


class Decoder(NamedTuple):
    """`run` says whether the input was taken; it may raise `allowed`, which refuses it, and nothing else.

    `make` builds inputs by their structure, with hostile values; `repair` makes checksums right again.
    """

    name: str
    run: Callable[[bytes], bool]
    seeds: list[bytes]
    allowed: tuple[type[Exception], ...] = (BmsError,)
    make: Callable[[Random], bytes] | None = None
    repair: Callable[[bytes], bytes] | None = None
    longest: int = 1 << 16


def taking(decode: Callable[[bytes], object]) -> Callable[[bytes], bool]:
    """`run` of a decoder that takes all it does not refuse."""

    def run(data: bytes) -> bool:
        decode(data)
        return True

    return run


def same(ours: object, theirs: object, what: str) -> None:
    """Raises AssertionError where two ways to read the same bytes give different things."""
    if ours != theirs:
        raise AssertionError(f"{what}: {str(ours)[:600]} is not {str(theirs)[:600]}")
