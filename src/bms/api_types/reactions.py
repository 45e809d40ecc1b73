"""/api/v1/system/reactions: event handlers' work that failed."""

from datetime import datetime
from typing import Annotated

import msgspec

ReactionState = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["dead", "waiting"]})]


class Reaction(msgspec.Struct, frozen=True, kw_only=True):
    """One handler's work for one event, which failed and is retried or was given up. `handler` was to act on event
    `number`, called `event`; `about` is the subject whose order is kept: while one reaction of it waits, later ones
    wait behind it, without a try. One that is `waiting` is tried again at `due_at`; one that is `dead` is not, unless
    it is retried. `error` is the last one, for operators."""

    id: str
    number: int
    handler: str
    event: str
    tenant: str
    about: str
    state: ReactionState
    tries: int
    due_at: datetime
    since: datetime
    error: str = ""
