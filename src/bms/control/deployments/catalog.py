"""Implements `BulkCatalog` on the rows of the models feature: looks up one model, or many at once."""

from collections.abc import Collection, Iterable, Mapping

from bms.control.models.gates import standings
from bms.control.models.nouns import Alias, GateStanding, Version, VersionFacts
from bms.control.models.ports import ModelsTx
from bms.control.platform.transactions import Store
from bms.core.errors import NotFound


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
            raise NotFound(_no_version(model, number))
        return found

    async def gates(self, tenant: str, model: str, number: int) -> list[GateStanding]:
        async with self._store.read() as tx:
            owner = await tx.model(tenant, model)
        version = await self.version(tenant, model, number)
        return [] if owner is None else standings(owner.gates, version.gate_results)

    async def known(self, models: Mapping[str, Collection[str]]) -> "KnownModels":
        async with self._store.read() as tx:
            return KnownModels(await tx.live_aliases(models), await tx.facts(models))


class KnownModels:
    """A snapshot of some models' aliases and versions at one moment: implements `Known`."""

    def __init__(self, aliases: Iterable[Alias], facts: Iterable[VersionFacts]) -> None:
        self._aliases: dict[tuple[str, str], dict[str, int]] = {}
        self._facts = {(each.tenant, each.model, each.number): each for each in facts}
        for alias in aliases:
            self._aliases.setdefault((alias.tenant, alias.model), {})[alias.name] = alias.version

    async def aliases(self, tenant: str, model: str) -> dict[str, int]:
        """The model's aliases; empty for a model that is not there."""
        return self._aliases.get((tenant, model), {})

    async def version(self, tenant: str, model: str, number: int) -> VersionFacts:
        """The version. Raises NotFound for one that never was."""
        found = self._facts.get((tenant, model, number))
        if found is None:
            raise NotFound(_no_version(model, number))
        return found


def _no_version(model: str, number: int) -> str:
    return f"model {model!r} has no version {number}: list them with `bms model versions`"
