"""Reactions: work of event handlers that failed, and waits for a retry or was given up. For owners of the operator's
tenant."""

from bms.api_types.reactions import Reaction
from bms.sdk.binding.resources import D, Resource, operation, path_part, stream
from bms.sdk.transport.flow import Flow, Stream

__all__ = ["Reaction", "Reactions"]


class Reactions(Resource[D]):
    """Lists, retries and dismisses failed reactions to events (`/api/v1/system/reactions`)."""

    @stream
    def list(self, *, state: str | None = None) -> Stream[Reaction]:
        """Lists the reactions of all tenants, oldest event first; `state` is waiting or dead."""
        return self._pages("/system/reactions", Reaction, {"state": state})

    @operation
    def retry(self, id: str) -> Flow[Reaction]:
        """Retries a reaction now, and from then on until it is done or given up. Raises NotFound for what is no
        more."""
        return self._post(f"/system/reactions/{path_part(id)}/retry", Reaction)

    @operation
    def dismiss(self, id: str) -> Flow[Reaction]:
        """Removes a reaction without doing it, and returns it."""
        return self._post(f"/system/reactions/{path_part(id)}/dismiss", Reaction)
