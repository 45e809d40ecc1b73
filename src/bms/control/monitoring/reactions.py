"""Use cases of failed reactions to events: the operator lists them, retries one, or dismisses one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import get_args

import msgspec

from bms.control.monitoring.nouns import ReactionsView
from bms.control.platform.events import OfReaction, ReactionDismissed, ReactionRetried
from bms.control.platform.pending import Reaction, ReactionState, ReactionsTx
from bms.control.platform.transactions import Store
from bms.core.access.principal import Principal
from bms.core.clock import Clock
from bms.core.errors import InvalidArgument, NotFound, PermissionDenied
from bms.core.pages import Page, PageRequest

MAY = "tenants:write"  # what owners have: reactions name things of all tenants


class ReactionService:
    """Failed reactions. Emits `reaction.retried` and `reaction.dismissed`, in the log of the reaction's tenant and in
    the operator's; the process that leads reads them. `operator` is the tenant that may; `handlers` are all their
    names, `swept` says how much of each this process has found by its state and moved."""

    def __init__(
        self,
        store: Store[ReactionsTx],
        clock: Clock,
        *,
        operator: str,
        handlers: Sequence[str],
        swept: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._store = store
        self._clock = clock
        self._operator = operator
        self._handlers = handlers
        self._swept = swept

    async def page(self, by: Principal, page: PageRequest, state: str | None = None) -> Page[Reaction]:
        """Failed reactions of all tenants, by their events' age."""
        self._require_operator(by)
        async with self._store.read() as tx:
            return await tx.reactions(page, _checked(state))

    async def retry(self, by: Principal, id: str) -> Reaction:
        """Retries a reaction now, whether it waits or is a dead letter, and then with pauses from the shortest on. It
        keeps its place: behind what waits before it about the same subject. Raises NotFound."""
        self._require_operator(by)
        now = self._clock.now()
        async with self._store.write() as tx:
            found = await self._found(tx, id)
            again = msgspec.structs.replace(found, state="waiting", tries=0, due_at=now)
            await tx.save(again)
            await self._emit(tx, again, ReactionRetried, by)
        return again

    async def dismiss(self, by: Principal, id: str) -> Reaction:
        """Dismisses a reaction: it is not tried any more, and what waits behind it goes on. Raises NotFound."""
        self._require_operator(by)
        async with self._store.write() as tx:
            found = await self._found(tx, id)
            await tx.remove([id])
            await self._emit(tx, found, ReactionDismissed, by)
        return found

    async def view(self) -> ReactionsView:
        """The number of reactions that wait or are dead, and since when the oldest."""
        async with self._store.read() as tx:
            standings = await tx.standings()
        waiting = [each for each in standings if each.state == "waiting"]
        dead = [each for each in standings if each.state == "dead"]
        return ReactionsView(
            waiting=sum(each.count for each in waiting),
            waiting_since=min((each.oldest for each in waiting), default=None),
            dead=sum(each.count for each in dead),
            dead_since=min((each.oldest for each in dead), default=None),
        )

    async def metrics(self) -> str:
        """Prometheus text: reactions by handler and state, zeros too, and the age of the oldest."""
        async with self._store.read() as tx:
            standings = {(each.handler, each.state): each for each in await tx.standings()}
        names = sorted({*self._handlers, *(handler for handler, _ in standings)})
        keys = [(name, state) for name in names for state in ("waiting", "dead")]
        now = self._clock.now()
        ages = {key: (now - standings[key].oldest).total_seconds() if key in standings else 0.0 for key in keys}
        counts = {key: float(standings[key].count) if key in standings else 0.0 for key in keys}
        return "".join(
            [
                *_gauge("bms_reactions", "What follows from events and could not be done.", counts.items()),
                *_gauge("bms_reactions_oldest_seconds", "Since the oldest of them first failed.", ages.items()),
                "# HELP bms_swept_total What an event had left, found by its state and moved.\n",
                "# TYPE bms_swept_total counter\n",
                *(f'bms_swept_total{{what="{what}"}} {count}\n' for what, count in self._swept().items()),
            ]
        )

    async def _emit(self, tx: ReactionsTx, reaction: Reaction, kind: type[OfReaction], by: Principal) -> None:
        for log_of in sorted({reaction.tenant, self._operator}):
            await tx.emit(reaction.as_event(kind, log_of, by.user, self._clock.now()))

    async def _found(self, tx: ReactionsTx, id: str) -> Reaction:
        found = await tx.reaction(id)
        if found is None:
            raise NotFound(f"no reaction {id[:80]!r}: it was done or dismissed; list them with `bms reaction list`")
        return found

    def _require_operator(self, by: Principal) -> None:
        if by.tenant != self._operator:
            raise PermissionDenied(
                f"only owners of the tenant {self._operator!r}, who operate the platform, may see or change reactions"
            )


def _checked(state: str | None) -> ReactionState | None:
    for known in get_args(ReactionState):
        if known == state:
            return known  # type: ignore[no-any-return]
    if state is not None:
        raise InvalidArgument(f"state is {state[:40]!r}: expected waiting or dead")
    return None


def _gauge(name: str, help: str, values: Iterable[tuple[tuple[str, str], float]]) -> list[str]:
    lines = [f'{name}{{handler="{handler}",state="{state}"}} {value:.15g}\n' for (handler, state), value in values]
    return [f"# HELP {name} {help}\n", f"# TYPE {name} gauge\n", *lines]
