"""Failed reactions to events: each waits for another try, or is a dead letter. A reaction that succeeds leaves no
row."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal, Protocol, TypeVar

import msgspec

from bms.control.platform.events import OfReaction
from bms.control.platform.transactions import Fenced
from bms.core.events import Event, EventSink, Recorded
from bms.core.pages import Page, PageRequest

ReactionState = Literal["waiting", "dead"]
R = TypeVar("R", bound=OfReaction)


class Reaction(msgspec.Struct, frozen=True, kw_only=True):
    """A failed call of one handler after one event. `place` orders the handlers of an event; `about` is the subject
    whose order is kept: while one of it waits, later ones wait behind it, without a try. `error` is the last one, for
    operators."""

    id: str
    number: int
    place: int
    handler: str
    event: str
    tenant: str
    about: str
    state: ReactionState
    tries: int
    due_at: datetime
    since: datetime
    error: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """The subject by which its order is kept."""
        return self.tenant, self.about

    def as_event(self, kind: type[R], tenant: str, actor: str, at: datetime, **more: str | int) -> Event[R]:
        """The event that reports it, for the log of `tenant`."""
        fields = {"handler": self.handler, "event": self.event, "number": self.number, "about": self.about}
        payload = msgspec.convert({**fields, "of": self.tenant, **more}, kind)
        return Event(payload=payload, tenant=tenant, subject=self.id, actor=actor, at=at)


class HandlerBacklog(msgspec.Struct, frozen=True, kw_only=True):
    """The number of reactions of one handler that wait or are dead, and since when the oldest."""

    handler: str
    state: ReactionState
    count: int
    oldest: datetime


class ReactionsTx(EventSink, Fenced, Protocol):
    """Repository of failed reactions inside one transaction."""

    async def position(self, reader: str) -> int:
        """Number of the last event up to which every reaction is done or has a row."""
        ...

    async def keep_position(self, reader: str, number: int) -> None:
        """Stores the position, which never goes back."""
        ...

    async def waiting(self) -> list[Reaction]:
        """The first waiting reaction of each subject, of all tenants."""
        ...

    async def known(self, after: int) -> frozenset[tuple[int, str]]:
        """(event's number, handler) of all rows of events after that number."""
        ...

    async def queue(self, tenant: str, about: str) -> list[Reaction]:
        """The waiting reactions of one subject, in order."""
        ...

    async def event(self, number: int) -> Recorded | None: ...

    async def add(self, reactions: Sequence[Reaction]) -> None:
        """Adds reactions, except those that are there already."""
        ...

    async def save(self, reaction: Reaction) -> bool:
        """Saves a reaction; False where there is no such row any more."""
        ...

    async def remove(self, ids: Collection[str]) -> None: ...

    async def reaction(self, id: str) -> Reaction | None:
        """The reaction, of any tenant, locked until this transaction ends."""
        ...

    async def reactions(self, page: PageRequest, state: ReactionState | None) -> Page[Reaction]:
        """Reactions of all tenants, oldest event first."""
        ...

    async def abouts(self) -> frozenset[tuple[str, str]]:
        """The subjects of all rows, as (tenant, about): dead letters, too."""
        ...

    async def standings(self) -> list[HandlerBacklog]:
        """Backlogs by handler and state."""
        ...

    async def leaving(self, tenant: str) -> bool:
        """Whether the tenant was deleted, so that nobody waits for what follows from its events."""
        ...
