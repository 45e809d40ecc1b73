"""The port to the database: a service's changes, and their events, become durable together or not at all."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar

from bms.core.events import EventSink, Recorded

Tx_co = TypeVar("Tx_co", covariant=True)


class Store(Protocol[Tx_co]):
    """Opens transactions that see one feature's repository.

    `write` holds the right to write from its start (no upgrade, so no deadlock), commits on a clean exit and
    rolls back on any exception. `read` is a consistent view. Neither may be held around slow work.
    """

    def read(self) -> AbstractAsyncContextManager[Tx_co]: ...

    def write(self) -> AbstractAsyncContextManager[Tx_co]: ...

    def joined(self, tx: EventSink) -> Tx_co:
        """This feature's repository inside another one's transaction, for what both must agree about."""
        ...


class EventLog(Protocol):
    """The log of all events, in the order of their commits; the outbox that loops, listeners and the audit read.

    What this process has committed is seen at once, what another one has, a moment later.
    """

    async def last(self) -> int:
        """Number of the newest event, 0 when there is none."""
        ...

    async def since(self, number: int, limit: int = 1000) -> list[tuple[int, Recorded]]:
        """Events after `number`, oldest first."""
        ...

    async def wait(self, number: int, timeout_s: float) -> int:
        """Waits until the newest number is over `number`, or the time is up, and returns the newest."""
        ...


class Fenced(Protocol):
    """A transaction that fails where its process no longer leads."""

    async def fence(self, lease: str, token: int) -> None:
        """Fences the transaction: raises Aborted unless `token` is the lease's newest one; locks the lease's row until
        the end."""
        ...


class Acquired(NamedTuple):
    """The answer to an asker of leases, by name: tokens of its own, and when those of others run out."""

    held: dict[str, int]
    others: dict[str, datetime]


class Leases(Protocol):
    """Named locks that expire: one holder at a time, each with a token larger than all before it (fencing)."""

    async def acquire(self, last: Mapping[str, int | None], holder: str, ttl_s: float) -> Acquired:
        """Acquires those leases of `last` that are free, from now on for `ttl_s`.

        `last` says which token the asker had last. If that is still the newest, and has not run out, it is the same
        again. A lease that has run out is anybody's. One of the same holder is also that of an asker who never had it,
        who comes after a process that has ended.
        """
        ...

    async def release(self, held: Mapping[str, int]) -> None:
        """Releases leases: they run out now, as far as these tokens are the newest."""
        ...
