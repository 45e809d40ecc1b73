"""Transactions: what a service changes, and the events that tell of it, become durable together or not at all."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

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
    """All events, in the order of their commits; the outbox that loops, listeners and the audit read.

    What this process has committed is seen at once, what another one has, a moment later.
    """

    async def last(self) -> int:
        """Number of the newest event, 0 when there is none."""
        ...

    async def since(self, number: int, limit: int = 1000) -> list[tuple[int, Recorded]]:
        """Events after `number`, oldest first."""
        ...

    async def wait(self, number: int, timeout_s: float) -> int:
        """The newest number as soon as it is over `number`, or when the time is up."""
        ...


class Leases(Protocol):
    """Named locks that expire: one holder at a time, each with a token larger than all before it (fencing)."""

    async def acquire(self, name: str, holder: str, ttl_s: float) -> int | None:
        """A fencing token, the same one again when `holder` renews in time; None while another holds it."""
        ...

    async def release(self, name: str, holder: str) -> None: ...
