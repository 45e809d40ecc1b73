"""Use cases of environments: list them, read a build's log, return the lock file, prune.

An environment is shared by all tenants that ask for the same, but a tenant sees only those that its own versions and
jobs use.
"""

from collections.abc import Iterable

import msgspec

from bms.control.environments.nouns import BuildLogPiece, EnvironmentView, Pruned, Use
from bms.control.environments.ports import UsesTx
from bms.control.platform.environments import BuiltEnvironments, Environment
from bms.control.platform.transactions import Store
from bms.core.access.principal import Principal
from bms.core.digest import check_digest
from bms.core.errors import FailedPrecondition, NotFound, PermissionDenied
from bms.core.pages import Page, PageRequest, page_of
from bms.core.workloads.environments import EnvironmentSpec

PIECE = 1 << 20  # bytes of a log that are read at once


class EnvironmentService:
    """Shows and prunes environments. `operator` is the tenant that may see and prune all."""

    def __init__(self, environments: BuiltEnvironments, store: Store[UsesTx], *, operator: str) -> None:
        self._environments = environments
        self._store = store
        self._operator = operator

    async def page(self, by: Principal, page: PageRequest) -> Page[EnvironmentView]:
        """Environments by digest."""
        views = await self._views(by)
        later = sorted(digest for digest in views if page.after is None or digest > page.after)
        shown = [(digest, await self._with_state(views[digest])) for digest in later[: page.limit + 1]]
        return page_of(shown, page.limit)

    async def get(self, by: Principal, digest: str) -> EnvironmentView:
        """One environment. Raises NotFound for one that neither is the tenant's nor exists: it does not learn which."""
        view = (await self._views(by)).get(check_digest(digest))
        if view is None:
            raise NotFound(f"no version or job of this tenant uses an environment {digest}: see `bms environment list`")
        return await self._with_state(view)

    async def lock(self, by: Principal, digest: str) -> str:
        """The lock file it was installed from. Raises NotFound, and FailedPrecondition before it is built."""
        view = await self.get(by, digest)
        if view.state != "built":
            raise FailedPrecondition(f"environment {digest} is {view.state}: only a built one has a lock file")
        return await self._environments.lock(digest)

    async def log(self, by: Principal, digest: str, offset: int) -> BuildLogPiece:
        """A piece of the build's log. Raises NotFound."""
        view = await self.get(by, digest)  # before the log is read, so that an end is not missed
        content = await self._environments.log(digest, offset, PIECE)
        return BuildLogPiece(content=content, next=offset + len(content), state=view.state)

    async def prune(self, by: Principal) -> Pruned:
        """Removes environments that no version that may be served and no job that has not ended needs. Raises
        PermissionDenied."""
        if by.tenant != self._operator:
            raise PermissionDenied("only the operator's tenant may remove environments: all tenants share them")
        removed = await self._environments.prune(self.needed)
        return Pruned(
            removed=tuple(msgspec.structs.replace(_of_built(each), state="absent") for each in removed.environments),
            freed=removed.freed,
        )

    async def needed(self) -> frozenset[str]:
        """The digests that may not be removed now."""
        async with self._store.read() as tx:
            specs = await tx.needed()
        return frozenset(digest for digest in await self._environments.digests(list(specs)) if digest)

    async def _views(self, by: Principal) -> dict[str, EnvironmentView]:
        """Views by digest; states are not looked up."""
        everybody = by.tenant == self._operator
        async with self._store.read() as tx:
            uses = await tx.uses(None if everybody else by.tenant)
        built = {each.digest: each for each in await self._environments.built()}
        views = {digest: _of_built(each) for digest, each in built.items()} if everybody else {}
        for digest, use in await self._by_digest(uses):
            view = views.get(digest)
            if view is None:
                view = _of_built(built[digest]) if digest in built else _of_spec(digest, use.spec)
            views[digest] = msgspec.structs.replace(
                view,
                locked=bool(use.spec.lock),
                versions=view.versions + use.versions,
                jobs=view.jobs + use.jobs,
            )
        return views

    async def _with_state(self, view: EnvironmentView) -> EnvironmentView:
        return msgspec.structs.replace(view, state=await self._environments.state(view.digest))

    async def _by_digest(self, uses: Iterable[Use]) -> list[tuple[str, Use]]:
        """Uses by digest, without those of the platform's own environment, and of what can't be built in any case."""
        known = list(uses)
        digests = await self._environments.digests([use.spec for use in known])
        return [(digest, use) for digest, use in zip(digests, known, strict=True) if digest]


def _of_built(environment: Environment) -> EnvironmentView:
    return EnvironmentView(
        digest=environment.digest,
        state="built",
        python=environment.version,
        requirements=environment.requirements,
        index=environment.index,
        lock=environment.lock,
        packages=environment.packages,
        size=environment.size,
        built_s=environment.built_s,
    )


def _of_spec(digest: str, spec: EnvironmentSpec) -> EnvironmentView:
    return EnvironmentView(
        digest=digest,
        state="absent",
        python=spec.python or "",
        requirements=spec.requirements,
        index=spec.index,
        locked=bool(spec.lock),
    )
