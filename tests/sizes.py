"""How much is enough: what tries many cases tries few of them, and all where BMS_TEST_ALL is set (`make test-all`)."""

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

ALL = bool(os.environ.get("BMS_TEST_ALL"))


def enough(few: int, many: int) -> int:
    """A number of cases: `many` of them in `make test-all`."""
    return many if ALL else few


def some(cases: Sequence[T], turn: int, one_of: int) -> Sequence[T]:
    """Every `one_of`-th of the cases, at each turn others, so that many turns try all; all in `make test-all`."""
    return cases if ALL else cases[turn % one_of :: one_of]
