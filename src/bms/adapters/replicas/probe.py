"""Asking a model server how it is: one connection, one question, closed again."""

from collections.abc import Callable

from bms.adapters.replicas.link import ReplicaLink
from bms.core.errors import Unavailable
from bms.core.programs import ServableStatus

PATIENCE_S = 2.0


class LinkProbe:
    """`ReplicaProbe` over `ReplicaLink`. `token_of` knows what the model server of a replica asks for."""

    def __init__(self, token_of: Callable[[str], bytes]) -> None:
        self._token_of = token_of

    async def status(self, replica: str, address: str) -> ServableStatus | None:
        """What the model server of `replica` at `address` says of itself; None when it does not answer in time."""
        link = ReplicaLink(address, token=self._token_of(replica))
        try:
            return await link.status(PATIENCE_S)
        except Unavailable:
            return None
        finally:
            link.close()
