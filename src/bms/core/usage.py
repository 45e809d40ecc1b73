"""Usage events: one immutable event per answered attempt. Integers only; sums are derived.

What is journalled and shipped is a run: [first, attempts, version]. Whatever a later version adds, a run stays an array
that begins with the first number, an array with one element for each event, and the version, so that who does not
know the version still knows which numbers it has, and can set it aside for one who does. Version 1 had no third
element, and attempts of twelve; version 2 added queue_ns and what follows it. Who knows only version 1 passes over
what it does not know.
"""

from collections.abc import Iterable

import msgspec

from bms.core.meters import OF_EVERY_REQUEST, REQUESTS, Of

VERSION = 2
"""Of the runs that are written."""
Quantities = tuple[tuple[str, int], ...]
"""(meter, quantity), of meters that not every request has."""


class UsageEvent(msgspec.Struct, frozen=True, array_like=True):
    """One attempt of one inference request, as the gateway that answered it saw it; or, `of` something else, a period
    for which it held something (`bms.control.billing.pieces`).

    (`source`, `seq`) is unique: `source` is one gateway process's life, `seq` counts from 1 without gaps, so shipping
    may repeat and never doubles. Times are nanoseconds; `at` is Unix time. `rows` are 0 of a request that was refused
    before the model ran any. `revision` is of the deployment's route that was in force, 0 where it is unknown; events
    of before there were `queue_ns` and `total_ns` have 0 for them.

    A piece begins at `at` and ends before `until`; `request_id` is of what held, and what only requests have is empty.
    Gateways write none.
    """

    source: str
    seq: int
    at: int
    tenant: str
    key: str
    deployment: str
    model: str
    version: int
    request_id: str
    status: int  # the HTTP status answered
    rows: int
    bytes_in: int
    bytes_out: int
    compute_ns: int
    queue_ns: int = 0
    total_ns: int = 0
    revision: int = 0
    more: Quantities = ()
    of: Of = "requests"
    until: int = 0


class Attempt(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A UsageEvent without `source` and `seq`, which its run holds for all."""

    at: int
    tenant: str
    key: str
    deployment: str
    model: str
    version: int
    request_id: str
    status: int
    rows: int
    bytes_in: int
    bytes_out: int
    compute_ns: int
    queue_ns: int = 0
    total_ns: int = 0
    revision: int = 0
    more: Quantities = ()


_OF_A_REQUEST = 2 + len(Attempt.__struct_fields__)  # fields of an event that an attempt has, or its run


class UsageRun(msgspec.Struct, frozen=True, array_like=True):
    """Attempts of one source with numbers that follow one another: `first`, `first` + 1, and so on. Never empty."""

    first: int
    attempts: tuple[Attempt, ...]
    version: int = 1

    @property
    def last(self) -> int:
        return self.first + len(self.attempts) - 1


class UnreadRun(msgspec.Struct, frozen=True):
    """A run of a version that this release does not know: its numbers, and its bytes. Never empty."""

    first: int
    last: int
    version: int
    record: bytes


def quantities(event: UsageEvent) -> dict[str, int]:
    """Returns what an event adds to each meter; meters to which it adds nothing are left out."""
    if event.of != "requests":
        return dict(event.more)
    found = {name: amount for name in OF_EVERY_REQUEST if (amount := getattr(event, name))}
    return {REQUESTS: 1, **found, **dict(event.more)}


def events_of(source: str, runs: Iterable[UsageRun]) -> list[UsageEvent]:
    """Returns the events of `runs` of `source`, in their order."""
    return [
        UsageEvent(source, seq, *msgspec.structs.astuple(attempt))
        for run in runs
        for seq, attempt in enumerate(run.attempts, run.first)
    ]


def runs_of(events: Iterable[UsageEvent]) -> tuple[UsageRun, ...]:
    """Groups `events`, all of one source, into runs: a new one begins where a number does not follow the one before."""
    found: list[tuple[int, list[Attempt]]] = []
    for event in events:
        _, seq, *rest = msgspec.structs.astuple(event)[:_OF_A_REQUEST]
        if not found or seq != found[-1][0] + len(found[-1][1]):
            found.append((seq, []))
        found[-1][1].append(Attempt(*rest))
    return tuple(UsageRun(first, tuple(attempts), VERSION) for first, attempts in found)
