"""Reactions: what was to follow from an event and could not be done yet, or not at all. For owners of the operator's
tenant."""

from bms.api_types.reactions import Reaction
from bms.sdk.binding.resources import D, Resource, operation, path_part, stream
from bms.sdk.transport.flow import Flow, Stream

__all__ = ["Reaction", "Reactions"]


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
