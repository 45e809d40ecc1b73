"""Asking a model server how it is: one connection, one question, closed again."""

from bms.adapters.replicas.link import ReplicaLink
from bms.core.errors import Unavailable
from bms.core.programs import ServableStatus

PATIENCE_S = 2.0


class LinkProbe:
    """`ReplicaProbe` over `ReplicaLink`."""

    async def status(self, address: str) -> ServableStatus | None:
        """What the model server at `address` says of itself; None when it does not answer in time."""
        link = ReplicaLink(address)
        try:
            return await link.status(PATIENCE_S)
        except Unavailable:
            return None
        finally:
            link.close()
