"""Converts reactions into answers of the API."""

from bms.api_types import reactions
from bms.control.platform.pending import Reaction


def reaction(one: Reaction) -> reactions.Reaction:
    return reactions.Reaction(
        id=one.id,
        number=one.number,
        handler=one.handler,
        event=one.event,
        tenant=one.tenant,
        about=one.about,
        state=one.state,
        tries=one.tries,
        due_at=one.due_at,
        since=one.since,
        error=one.error,
    )
