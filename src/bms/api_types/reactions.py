"""/api/v1/system/reactions: what follows from events and did not go well."""

from datetime import datetime
from typing import Annotated

import msgspec

ReactionState = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["dead", "waiting"]})]


class Reaction(msgspec.Struct, frozen=True, kw_only=True):
    """What `handler` was to do after event `number`, called `event`; `about` is whose order is kept: while one of it
    waits, later ones wait behind it, without a try. One that is `waiting` is tried again at `due_at`; one that is
    `dead` is not, unless it is retried. `error` is the last one, for operators."""

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
