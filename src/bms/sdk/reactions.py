"""Reactions: what was to follow from an event and could not be done yet, or not at all. For owners of the operator's
tenant."""

from datetime import datetime

import msgspec

from bms.sdk.binding import D, Resource, operation, path_part, stream
from bms.sdk.flow import Flow, Stream


class Reaction(msgspec.Struct, frozen=True, kw_only=True):
    """What `handler` was to do after event `number`, called `event`. One that is `waiting` is tried again at `due_at`,
    or when what waits before it `about` the same thing was done; one that is `dead` is not, unless it is retried."""

    id: str
    number: int
    handler: str
    event: str
    tenant: str
    about: str
    state: str
    tries: int
    due_at: datetime
    since: datetime
    error: str = ""


class Reactions(Resource[D]):
    """/api/v1/system/reactions"""

    @stream
    def list(self, *, state: str | None = None) -> Stream[Reaction]:
        """Of all tenants, oldest event first; `state` is waiting or dead."""
        return self._pages("/system/reactions", Reaction, {"state": state})

    @operation
    def retry(self, id: str) -> Flow[Reaction]:
        """Has it tried now, and from then on until it is done or can't be. Raises NotFound for what is no more."""
        return self._post(f"/system/reactions/{path_part(id)}/retry", Reaction)

    @operation
    def dismiss(self, id: str) -> Flow[Reaction]:
        """Forgets it, and gives what it was."""
        return self._post(f"/system/reactions/{path_part(id)}/dismiss", Reaction)
