"""`Catalog` over the models' own rows, and one that remembers what it was told until something changes."""

from bms.control.deployments.ports import Catalog
from bms.control.models.nouns import Version
from bms.control.models.ports import ModelsTx
from bms.control.platform.transactions import EventLog, Store
from bms.core.errors import NotFound

_CHANGES = ("alias.", "version.", "model.")


class ModelCatalog:
    def __init__(self, store: Store[ModelsTx]) -> None:
        self._store = store

    async def aliases(self, tenant: str, model: str) -> dict[str, int]:
        async with self._store.read() as tx:
            found = await tx.model(tenant, model)
            if found is None or found.deleted:
                raise NotFound(f"no model {model!r} in this tenant: list them with `bms model list`")
            return {alias.name: alias.version for alias in await tx.all_aliases(tenant, model)}

    async def version(self, tenant: str, model: str, number: int) -> Version:
        async with self._store.read() as tx:
            found = await tx.version(tenant, model, number)
        if found is None:
            raise NotFound(f"model {model!r} has no version {number}: list them with `bms model versions`")
        return found


class _Known:
    """What was told of one model; dropped as a whole, so that an answer under way can't outlive its question."""

    def __init__(self) -> None:
        self.aliases: dict[str, int] | None = None
        self.versions: dict[int, Version] = {}


class RememberingCatalog:
    """Asks once, until an event says that the model changed."""

    def __init__(self, catalog: Catalog, events: EventLog) -> None:
        self._catalog = catalog
        self._events = events
        self._number: int | None = None
        self._known: dict[tuple[str, str], _Known] = {}

    async def refresh(self) -> None:
        """From now on, nothing older than this moment is told."""
        if self._number is None:
            self._number = await self._events.last()
        while batch := await self._events.since(self._number):
            for number, event in batch:
                self._number = number
                if event.name.startswith(_CHANGES):
                    self._known.pop((event.tenant, str(event.details.get("model", event.subject))), None)

    async def aliases(self, tenant: str, model: str) -> dict[str, int]:
        known = self._known.setdefault((tenant, model), _Known())
        if known.aliases is None:
            known.aliases = await self._catalog.aliases(tenant, model)
        return known.aliases

    async def version(self, tenant: str, model: str, number: int) -> Version:
        known = self._known.setdefault((tenant, model), _Known()).versions
        if number not in known:
            known[number] = await self._catalog.version(tenant, model, number)
        return known[number]
