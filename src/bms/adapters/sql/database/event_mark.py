"""The state of a write transaction: whether it has added events, and which process it announces them for."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

TELLS = "bms_tells"  # the execution option that holds its Telling
CHANNEL = "bms_events"  # of PostgreSQL's notifications


@dataclass
class EventMark:
    """Marks connections of one process; `origin` names it, since several may be at work on one database."""

    origin: str
    events: bool = False


def mark_event(connection: AsyncConnection) -> str:
    """Records that the transaction adds an event; returns the name of the origin."""
    assert connection.sync_connection is not None, "a transaction is under way"
    mark: EventMark | None = connection.sync_connection.get_execution_options().get(TELLS)
    if mark is None:  # of a connection that no `Database` gave
        return ""
    mark.events = True
    return mark.origin
