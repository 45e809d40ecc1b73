"""What a transaction that writes knows of itself: whether it has added events, and in whose name it tells of them."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

TELLS = "bms_tells"  # the execution option that holds its Telling
CHANNEL = "bms_events"  # of PostgreSQL's notifications


@dataclass
class Telling:
    """`origin` names the process, of which several may be at work on one database."""

    origin: str
    events: bool = False


def tells(connection: AsyncConnection) -> str:
    """Says that the transaction adds an event; the name to tell of it in."""
    assert connection.sync_connection is not None, "a transaction is under way"
    telling: Telling | None = connection.sync_connection.get_execution_options().get(TELLS)
    if telling is None:  # of a connection that no `Database` gave
        return ""
    telling.events = True
    return telling.origin
