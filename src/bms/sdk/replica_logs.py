"""A deployment's replicas and their logs: read once, or followed from one replica to the next."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from bms.api_types.replicas import Replica
from bms.core.errors import NotFound
from bms.sdk.binding.resources import API, D, Resource, operation, path_part, stream
from bms.sdk.transport.flow import ClientRequest, Flow, Item, Stream, pause
from bms.sdk.transport.waiting import FIRST_S, GROWTH, LONGEST_S

__all__ = ["LogPiece", "Replica", "ReplicaLogs"]


class LogPiece(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of one replica's log; it may end within a line."""

    replica: Replica
    content: bytes


class ReplicaLogs(Resource[D]):
    """Lists the replicas of a deployment, and reads their logs (`/api/v1/deployments/NAME/replicas`)."""

    @operation
    def replicas(self, name: str) -> Flow[tuple[Replica, ...]]:
        """Lists a deployment's replicas, present and recent, by time of start."""
        return self._replicas(name)

    @stream
    def logs(
        self, name: str, *, replica: str | None = None, previous: bool = False, follow: bool = False
    ) -> Stream[LogPiece]:
        """Reads the logs of a deployment's replicas, in pieces.

        Of those that run (where none does, the last that ended); of `replica` alone, by its id; or, with `previous`, of
        the last that ended. Logs that grew too long begin with a line that says how much is gone. With `follow` it goes
        on with what is written from then on, by replicas that come later, too, until the deployment is deleted; with
        `replica` or `previous` until that one has ended. Raises NotFound.
        """
        places: dict[str, int] = {}
        done: set[str] = set()
        alone = replica is not None or previous
        wait = FIRST_S
        while True:
            try:
                found = yield from self._replicas(name)
            except NotFound:
                if places:
                    return
                raise
            if not places:
                chosen = selected_replicas(name, found, replica, previous)
                done = {each.id for each in found} - {each.id for each in chosen}
            else:  # what came since has begun, and maybe ended, while nobody looked
                chosen = [each for each in found if each.id not in done and (not alone or each.id in places)]
            heard = False
            for each in chosen:
                while (piece := (yield from self._piece(name, each.id, places))) != b"":
                    heard = True
                    yield Item(LogPiece(replica=each, content=piece))
                if each.ended:
                    done.add(each.id)
            if not follow or (alone and all(each.ended for each in chosen)):
                return
            wait = FIRST_S if heard else min(LONGEST_S, wait * GROWTH)
            yield from pause(wait)

    def _replicas(self, name: str) -> Flow[tuple[Replica, ...]]:
        return self._get(f"/deployments/{path_part(name)}/replicas", tuple[Replica, ...])

    def _piece(self, name: str, replica: str, places: dict[str, int]) -> Flow[bytes]:
        """The next piece of a log, none of one that is gone since it was listed; notes in `places` where to read on."""
        path = f"{API}/deployments/{path_part(name)}/replicas/{path_part(replica)}/log"
        place = places.setdefault(replica, 0)
        try:
            reply = yield from self._retrying(ClientRequest("GET", path, query={"offset": str(place)}))
        except NotFound:
            return b""
        places[replica] = int(reply.headers.get("x-next-offset", place + len(reply.content)))
        return reply.content


def selected_replicas(name: str, replicas: Sequence[Replica], replica: str | None, previous: bool) -> list[Replica]:
    """Selects the replicas whose logs are meant. Raises NotFound."""
    if replica is not None:
        if found := [each for each in replicas if each.id == replica]:
            return found
        raise NotFound(
            f"deployment {name!r} has no replica {replica!r} (any more): it has "
            + (", ".join(each.id for each in replicas) or "none yet")
        )
    ended = sorted([each for each in replicas if each.ended], key=_end)
    if previous:
        if not ended:
            raise NotFound(f"no replica of deployment {name!r} has ended yet: ask for the logs of those that run")
        return ended[-1:]
    return [each for each in replicas if not each.ended] or ended[-1:]


def _end(replica: Replica) -> datetime:
    return replica.ended_at or replica.created_at
