"""Sequences of requests to a stateful model: it keeps state from one request to the next."""

from typing import Any, NamedTuple

import msgspec

from bms.core.errors import InvalidArgument

SequenceId = int | str
MOST, LONGEST_S = 1_000_000, 86_400.0


class SequenceLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many sequences a replica keeps at once, and for how many seconds an idle one."""

    most: int = 1024
    idle_s: float = 60.0


class SequenceStep(NamedTuple):
    """One request of a sequence, as its sender numbers it; `start` its first, `end` its last."""

    id: SequenceId
    start: bool
    end: bool


class Sequence:
    """The sequence of a step, as the model sees it. `state` is the model's own to fill: it is the same from the first
    step to the last."""

    __slots__ = ("end", "id", "start", "state")

    def __init__(self, id: SequenceId, start: bool, end: bool, state: dict[Any, Any]) -> None:
        self.id = id
        self.start = start
        self.end = end
        self.state = state


def check_limits(limits: SequenceLimits) -> None:
    """Raises InvalidArgument for impossible limits."""
    if not 1 <= limits.most <= MOST or not 0 < limits.idle_s <= LONGEST_S:
        raise InvalidArgument(
            f"sequences: most is 1 to {MOST}, idle_s above 0 and at most {LONGEST_S:g} seconds; not {limits.most} and "
            f"{limits.idle_s:g}"
        )
