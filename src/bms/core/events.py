"""Domain events, which other features or processes handle: what happened, to what, in whose tenant.

A feature says in its `events` module which there are, each a `Payload`; a service makes an `Event` of one and emits it
in the transaction of its change; `Recorded` is what lies in the log, read by name through a `Catalogue`
(`core/event_catalogue.py`).
"""

import re
from datetime import datetime
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import msgspec

Detail = str | int | float | bool | None
_NAME = re.compile(r"[a-z]+\.[a-z]+(_[a-z]+)*")


class Payload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The content of an event, beside what and whom it concerns; the first sentence of a subclass tells what happened.

    `EVENT` is `noun.verb_in_past`; a base without one is shared by several events. Fields hold texts, numbers, truths
    or None; one with a default is left out where it has that value. Whoever adds a field gives it a default; whoever
    changes what one means raises `VERSION`, and an older program leaves such events to a newer one.
    """

    EVENT: ClassVar[str]
    VERSION: ClassVar[int] = 1

    def __init_subclass__(cls, **options: Any) -> None:
        """Raises TypeError for a name that is not `noun.verb`, so that the program does not start with it."""
        super().__init_subclass__(**options)
        name = cls.__dict__.get("EVENT")
        if name is not None and not _NAME.fullmatch(name):
            raise TypeError(f"{cls.__name__}: an event is named noun.verb_in_past, not {name!r}")

    def ordered_by(self, subject: str) -> str:
        """The subject whose events are handled in order with this one: its own subject, unless overridden."""
        return subject


P_co = TypeVar("P_co", bound=Payload, covariant=True)


class Event(msgspec.Struct, Generic[P_co], frozen=True, kw_only=True):
    """One event: something that happened. `subject` is the id or name of the thing; `actor` is a user or key id, or
    "system"."""

    payload: P_co
    tenant: str
    subject: str
    actor: str
    at: datetime


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it is stored in the log: the payload under its name and version, as plain values."""

    name: str
    version: int = 1
    tenant: str
    subject: str
    actor: str
    at: datetime
    details: dict[str, Detail] = {}


def recorded(event: Event[Payload]) -> Recorded:
    """Returns the stored form of `event`."""
    return Recorded(
        name=event.payload.EVENT,
        version=event.payload.VERSION,
        tenant=event.tenant,
        subject=event.subject,
        actor=event.actor,
        at=event.at,
        details=msgspec.to_builtins(event.payload),
    )


class EventSink(Protocol):
    """The port by which a service emits events, inside its own transaction: an event is kept if and only if the change
    is."""

    async def emit(self, event: Event[Payload]) -> None: ...
