"""Environments: the Python packages that models and jobs run with, their locks and their builds' logs."""

from bms.api_types.environments import Environment, Pruned
from bms.sdk.binding.resources import API, D, Resource, operation, path_part, stream
from bms.sdk.transport.flow import ClientRequest, Flow, Item, Stream, pause
from bms.sdk.transport.waiting import FIRST_S, GROWTH, LONGEST_S

__all__ = ["Environment", "Environments", "Pruned"]


class Environments(Resource[D]):
    """Lists environments, their locks and build logs, and prunes unused ones (`/api/v1/environments`)."""

    @stream
    def list(self) -> Stream[Environment]:
        """Lists the environments that the tenant's versions and jobs use; for the operator's tenant, all."""
        return self._pages("/environments", Environment, {})

    @operation
    def get(self, digest: str) -> Flow[Environment]:
        return self._get(f"/environments/{path_part(digest)}", Environment)

    @operation
    def lock(self, digest: str) -> Flow[str]:
        """The lock file that a built environment was installed from: exact versions with their hashes."""
        reply = yield from self._retrying(ClientRequest("GET", f"{API}/environments/{path_part(digest)}/lock"))
        return reply.content.decode()

    @stream
    def log(self, digest: str, *, follow: bool = False) -> Stream[bytes]:
        """The log of the last build, in pieces; with `follow`, until the build has ended."""
        offset, wait = 0, FIRST_S
        while True:
            path = f"{API}/environments/{path_part(digest)}/log"
            reply = yield from self._retrying(ClientRequest("GET", path, query={"offset": str(offset)}))
            offset = int(reply.headers.get("x-next-offset", offset + len(reply.content)))
            if reply.content:
                wait = FIRST_S
                yield Item(reply.content)
            elif not follow or reply.headers.get("x-environment-state") != "building":
                return
            else:
                yield from pause(wait)
                wait = min(LONGEST_S, wait * GROWTH)

    @operation
    def prune(self) -> Flow[Pruned]:
        """Removes environments that no servable version and no unfinished job needs; for the operator's tenant
        alone."""
        return self._post("/environments/prune", Pruned)
