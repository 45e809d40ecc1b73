"""Facts that cross features or processes: what happened, to what, in whose tenant."""

from datetime import datetime
from typing import Protocol

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is `noun.verb_in_past`, e.g. `version.ready`, `alias.moved`, `key.revoked`, `job.ended`.

    `subject` is the id or name of the thing; `actor` is a user or key id, or "system".
    """

    name: str
    tenant: str
    subject: str
    actor: str
    at: datetime
    details: dict[str, str | int | float | bool | None] = {}


class EventSink(Protocol):
    """Where a service tells what it did, inside its own transaction: an event is kept if and only if the change is."""

    async def emit(self, event: Event) -> None: ...
