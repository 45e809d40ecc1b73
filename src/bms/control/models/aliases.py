"""Use cases of aliases: movable names of versions, guarded by the model's gates."""

import msgspec

from bms.control.models.checks import check_alias
from bms.control.models.events import AliasDeleted, AliasMoved
from bms.control.models.gates import refusal, standings
from bms.control.models.lookup import expect, known_version, live_model, model_event
from bms.control.models.nouns import Alias, Model, Version
from bms.control.models.ports import AliasInUse, ModelsTx, unused
from bms.control.platform.transactions import Store
from bms.core.access.principal import Principal, Role
from bms.core.clock import Clock
from bms.core.errors import FailedPrecondition, NotFound, PermissionDenied
from bms.core.pages import Page, PageRequest

MAY_FORCE: frozenset[Role] = frozenset({"admin", "owner"})


class AliasService:
    """Sets, moves and deletes aliases. `in_use` finds deployments that follow one; such an alias is not deleted."""

    def __init__(self, store: Store[ModelsTx], clock: Clock, in_use: AliasInUse = unused) -> None:
        self._store = store
        self._clock = clock
        self._in_use = in_use

    async def move(
        self, by: Principal, model: str, alias: str, number: int, *, force: bool = False, revision: int | None = None
    ) -> Alias:
        """Points `alias` at a version, making it if need be. To move back: the version that `previous` names.

        Raises FailedPrecondition for a version that is not ready or has not passed every gate of its model;
        `force` (admins and owners only) passes over the gates, never over the state.
        """
        check_alias(alias)
        if force:
            require_may_force(by)
        at = self._clock.now()
        async with self._store.write() as tx:
            owner = await live_model(tx, by.tenant, model, hold=True)
            before = await tx.alias(by.tenant, model, alias)
            expect(revision, before.revision if before else 0)
            if before is not None and before.version == number:
                return before
            version = await known_version(tx, by.tenant, model, number)
            _require_fit(owner, version, alias, force=force)
            if before is None:
                saved = Alias(tenant=by.tenant, model=model, name=alias, version=number, moved_at=at, moved_by=by.user)
                await tx.add_alias(saved)
            else:
                moved = msgspec.structs.replace(
                    before, version=number, previous=before.version, moved_at=at, moved_by=by.user
                )
                saved = await tx.save_alias(moved)
            event = AliasMoved(alias=alias, version=number, previous=saved.previous, forced=force)
            await tx.emit(model_event(event, owner, by.user, at))
        return saved

    async def alias(self, tenant: str, model: str, name: str) -> Alias:
        """The alias. Raises NotFound."""
        async with self._store.read() as tx:
            await live_model(tx, tenant, model)
            return await self._alias(tx, tenant, model, name)

    async def aliases(self, tenant: str, model: str, page: PageRequest) -> Page[Alias]:
        if page.after is not None:
            check_alias(page.after)
        async with self._store.read() as tx:
            await live_model(tx, tenant, model)
            return await tx.aliases(tenant, model, page)

    async def all_aliases(self, tenant: str, model: str) -> list[Alias]:
        """Every alias of a model, by name; empty for a model that is not there. For the platform's own loops."""
        async with self._store.read() as tx:
            return await tx.all_aliases(tenant, model)

    async def delete(self, by: Principal, model: str, name: str, revision: int | None = None) -> None:
        """Deletes the alias. Raises NotFound; FailedPrecondition while a deployment follows it."""
        check_alias(name)
        user = await self._in_use(by.tenant, model, name)
        if user is not None:
            raise FailedPrecondition(f"alias {name!r} of {model!r} is followed by {user}: change that first")
        async with self._store.write() as tx:
            owner = await live_model(tx, by.tenant, model, hold=True)
            alias = await self._alias(tx, by.tenant, model, name)
            expect(revision, alias.revision)
            await tx.delete_alias(alias)
            event = AliasDeleted(alias=name, version=alias.version)
            await tx.emit(model_event(event, owner, by.user, self._clock.now()))

    async def _alias(self, tx: ModelsTx, tenant: str, model: str, name: str) -> Alias:
        alias = await tx.alias(tenant, model, check_alias(name))
        if alias is None:
            raise NotFound(f"model {model!r} has no alias {name!r}")
        return alias


def require_may_force(by: Principal) -> None:
    """Checks the right to pass over gates. Raises PermissionDenied."""
    if by.role not in MAY_FORCE:
        raise PermissionDenied(f"only an admin or owner may pass over gates, this key's role is {by.role!r}")


def _require_fit(model: Model, version: Version, alias: str, *, force: bool) -> None:
    if version.state != "ready":
        raise FailedPrecondition(
            f"version {version.number} of {model.name!r} is {version.state}: only a ready version gets an alias"
        )
    why = None if force else refusal(model.name, version.number, standings(model.gates, version.gate_results))
    if why is not None:
        raise FailedPrecondition(f"alias {alias!r} can't move to version {version.number} of {model.name!r}: {why}")
