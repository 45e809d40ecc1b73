"""The books: one immutable event per answered attempt. Integers only; sums are derived."""

from collections.abc import Iterable

import msgspec


class UsageEvent(msgspec.Struct, frozen=True, array_like=True):
    """One attempt of one inference request, as the gateway that answered it saw it.

    (`source`, `seq`) is unique: `source` is one gateway process's life, `seq` counts from 1 without gaps, so
    shipping may repeat and never doubles. Times are nanoseconds; `at` is Unix time. `rows` are 0 of a request that was
    refused before the model ran any.
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


class Attempt(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A UsageEvent without `source` and `seq`, which the run that it is in says for all."""

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


class UsageRun(msgspec.Struct, frozen=True, array_like=True):
    """Attempts of one source with numbers that follow one another: `first`, `first` + 1, and so on. Never empty."""

    first: int
    attempts: tuple[Attempt, ...]

    @property
    def last(self) -> int:
        return self.first + len(self.attempts) - 1


def events_of(source: str, runs: Iterable[UsageRun]) -> list[UsageEvent]:
    """The events that `runs` of `source` stand for, in their order."""
    return [
        UsageEvent(source, seq, *msgspec.structs.astuple(attempt))
        for run in runs
        for seq, attempt in enumerate(run.attempts, run.first)
    ]


def runs_of(events: Iterable[UsageEvent]) -> tuple[UsageRun, ...]:
    """`events`, all of one source, as runs: a new one begins where a number does not follow the one before."""
    found: list[tuple[int, list[Attempt]]] = []
    for event in events:
        _, seq, *rest = msgspec.structs.astuple(event)
        if not found or seq != found[-1][0] + len(found[-1][1]):
            found.append((seq, []))
        found[-1][1].append(Attempt(*rest))
    return tuple(UsageRun(first, tuple(attempts)) for first, attempts in found)
