"""Use cases of deployments: create, change, roll back, stop, delete. The reconciler brings them about."""

import msgspec

from bms.control.deployments.events import DeploymentChanged, DeploymentCreated, DeploymentDeleted, OfDeployment
from bms.control.deployments.nouns import Deployment, DeploymentRevision, DeploymentSpec, Target, TrafficRoute
from bms.control.deployments.ports import Catalog, DeploymentsTx
from bms.control.deployments.resolving import check_gates, check_targets
from bms.control.platform.transactions import Store
from bms.core.access.principal import Principal
from bms.core.clock import Clock
from bms.core.errors import Aborted, AlreadyExists, FailedPrecondition, NotFound
from bms.core.events import Event
from bms.core.ids import check_public_name, new_id
from bms.core.pages import Page, PageRequest


class DeploymentService:
    """Changes the desired state of deployments; nothing here starts or stops a process."""

    def __init__(self, store: Store[DeploymentsTx], catalog: Catalog, clock: Clock) -> None:
        self._store = store
        self._catalog = catalog
        self._clock = clock

    async def create(self, by: Principal, name: str, spec: DeploymentSpec, *, force: bool = False) -> Deployment:
        """Creates a deployment. Raises AlreadyExists for a name in use, NotFound for an unknown model, version or
        alias, and FailedPrecondition for a version that is not ready, or that has not passed every gate of its model;
        `force` (admins and owners only) passes over the gates, and is recorded in the event."""
        check_public_name("deployment", name)
        versions = await check_targets(by.tenant, spec, self._catalog)
        await check_gates(by, spec, self._catalog, served=(), force=force)
        async with self._store.write() as tx:
            return await self._create(tx, by, name, spec, versions, force)

    async def deploy(
        self, by: Principal, name: str, spec: DeploymentSpec, revision: int | None = None, *, force: bool = False
    ) -> Deployment:
        """Makes the deployment, or changes the one of that name to `spec`; asking for what is there changes nothing.

        `revision` is the one the caller saw: raises Aborted where it is not the current one. Gates are asked as
        `create` does, not for versions that it means already.
        """
        check_public_name("deployment", name)
        versions = await check_targets(by.tenant, spec, self._catalog)
        served = await self._served(by.tenant, name, spec.model)
        await check_gates(by, spec, self._catalog, served=served, force=force)
        async with self._store.write() as tx:
            found = await tx.deployment(by.tenant, name)
            if found is None and revision is None:
                return await self._create(tx, by, name, spec, versions, force)
            if found is None:
                raise NotFound(_unknown(name))
            return await self._change(tx, by, found, spec, versions, "changed", revision, force)

    async def rollback(
        self, by: Principal, name: str, to: int | None = None, revision: int | None = None
    ) -> Deployment:
        """Serves again what revision `to` meant (by default: the newest that meant other versions than now).

        Targets come back pinned to the versions they meant then, so a later move of an alias does not undo it.
        Raises NotFound for an unknown revision, FailedPrecondition when there is nothing to return to or one of
        its versions may not be served any more. Gates are not asked: the way back to what was served stays open.
        """
        target = await self._target(by, name, to)
        spec = pinned(target)
        versions = await check_targets(by.tenant, spec, self._catalog)
        async with self._store.write() as tx:
            found = await self._found(tx, by.tenant, name)
            cause = f"rolled back to revision {target.number}"
            return await self._change(tx, by, found, spec, versions, cause, revision)

    async def stop(self, by: Principal, name: str, revision: int | None = None) -> Deployment:
        """Stops a deployment: its replicas drain and stop; the name and all settings stay. Stopping what is stopped
        changes nothing."""
        async with self._store.write() as tx:
            found = await self._found(tx, by.tenant, name)
            now = await tx.revision(found.id, found.revision)
            assert now is not None, "every revision is kept"
            spec = msgspec.structs.replace(found.spec, stopped=True)
            return await self._change(tx, by, found, spec, now.versions, "stopped", revision)

    async def start(self, by: Principal, name: str, revision: int | None = None) -> Deployment:
        """Starts a stopped deployment again. Raises NotFound, or FailedPrecondition for a version that is not ready."""
        before = await self.get(by.tenant, name)
        spec = msgspec.structs.replace(before.spec, stopped=False)
        versions = await check_targets(by.tenant, spec, self._catalog)
        async with self._store.write() as tx:
            found = await self._found(tx, by.tenant, name)
            _expect(found, before.revision if revision is None else revision)
            return await self._change(tx, by, found, spec, versions, "started", revision)

    async def delete(self, by: Principal, name: str, revision: int | None = None) -> Deployment:
        """Deletes a deployment: gateways forget the name at once, replicas drain and stop."""
        async with self._store.write() as tx:
            found = await self._found(tx, by.tenant, name)
            _expect(found, revision)
            saved = await tx.save_deployment(msgspec.structs.replace(found, deleted=True))
            event = DeploymentDeleted(id=saved.id, model=saved.spec.model)
            await tx.emit(self._event(event, by, saved))
        return saved

    async def get(self, tenant: str, name: str) -> Deployment:
        async with self._store.read() as tx:
            return await self._found(tx, tenant, name)

    async def list(self, tenant: str, page: PageRequest, model: str | None = None) -> Page[Deployment]:
        async with self._store.read() as tx:
            return await tx.deployments(tenant, page, model)

    async def revisions(self, tenant: str, name: str, page: PageRequest) -> Page[DeploymentRevision]:
        async with self._store.read() as tx:
            return await tx.revisions((await self._found(tx, tenant, name)).id, page)

    async def _target(self, by: Principal, name: str, to: int | None) -> DeploymentRevision:
        async with self._store.read() as tx:
            found = await self._found(tx, by.tenant, name)
            if to is not None:
                target = await tx.revision(found.id, to) if 0 < to < 2**31 else None  # as rows count
                if target is None:
                    raise NotFound(f"deployment {name!r} has no revision {to}: list them with its revisions")
                return target
            now = await tx.revision(found.id, found.revision)
            assert now is not None, "every revision is kept"
            target = await tx.previous_revision(found.id, now.versions)
        if target is None:
            raise FailedPrecondition(
                f"deployment {name!r} never served other versions than {_numbers(now.versions)}: "
                "there is nothing to return to; name a revision to return to other settings"
            )
        return target

    async def _served(self, tenant: str, name: str, model: str) -> tuple[int, ...]:
        """The versions of `model` that the deployment serves already."""
        async with self._store.read() as tx:
            found = await tx.deployment(tenant, name)
            if found is None or found.spec.model != model:
                return ()
            now = await tx.revision(found.id, found.revision)
        return () if now is None else now.versions

    async def _create(
        self,
        tx: DeploymentsTx,
        by: Principal,
        name: str,
        spec: DeploymentSpec,
        versions: tuple[int, ...],
        forced: bool,
    ) -> Deployment:
        if await tx.deployment(by.tenant, name) is not None:
            raise AlreadyExists(f"a deployment named {name!r} exists already: change it, or choose another name")
        made = Deployment(
            id=new_id("dep"),
            tenant=by.tenant,
            name=name,
            spec=spec,
            created_at=self._clock.now(),
            created_by=by.user,
        )
        await tx.add_deployment(made)
        await tx.add_route(TrafficRoute(deployment=made.id, tenant=by.tenant))
        await tx.add_revision(self._revision(made, versions, "created", by.user))
        event = DeploymentCreated(id=made.id, model=spec.model, versions=_numbers(versions), forced=forced)
        await tx.emit(self._event(event, by, made))
        return made

    async def _change(
        self,
        tx: DeploymentsTx,
        by: Principal,
        found: Deployment,
        spec: DeploymentSpec,
        versions: tuple[int, ...],
        cause: str,
        revision: int | None,
        forced: bool = False,
    ) -> Deployment:
        _expect(found, revision)
        if spec == found.spec:
            return found
        saved = await tx.save_deployment(msgspec.structs.replace(found, spec=spec))
        await tx.add_revision(self._revision(saved, versions, cause, by.user))
        event = DeploymentChanged(
            id=saved.id, model=spec.model, versions=_numbers(versions), cause=cause, forced=forced
        )
        await tx.emit(self._event(event, by, saved))
        return saved

    def _revision(self, deployment: Deployment, versions: tuple[int, ...], cause: str, by: str) -> DeploymentRevision:
        return DeploymentRevision(
            deployment=deployment.id,
            number=deployment.revision,
            spec=deployment.spec,
            versions=versions,
            cause=cause,
            at=self._clock.now(),
            by=by,
        )

    async def _found(self, tx: DeploymentsTx, tenant: str, name: str) -> Deployment:
        found = await tx.deployment(tenant, name)
        if found is None:
            raise NotFound(_unknown(name))
        return found

    def _event(self, payload: OfDeployment, by: Principal, deployment: Deployment) -> Event[OfDeployment]:
        return Event(
            payload=payload,
            tenant=deployment.tenant,
            subject=deployment.name,
            actor=by.user,
            at=self._clock.now(),
        )


def _expect(found: Deployment, revision: int | None) -> None:
    if revision is not None and revision != found.revision:
        raise Aborted(
            f"deployment {found.name!r} was changed since revision {revision}, it is at {found.revision}: "
            "read it again and repeat"
        )


def _unknown(name: str) -> str:
    return f"no deployment {name!r} in this tenant: list them with `bms deployment list`"


def _numbers(versions: tuple[int, ...]) -> str:
    return ", ".join(map(str, versions))


def pinned(revision: DeploymentRevision) -> DeploymentSpec:
    """The revision's spec, to be served, with each target fixed to the version it meant; targets of one version are
    joined."""
    weights: dict[int, int] = {}
    for target, version in zip(revision.spec.targets, revision.versions, strict=True):
        weights[version] = weights.get(version, 0) + target.weight
    targets = tuple(Target(version=version, weight=weight) for version, weight in weights.items())
    return msgspec.structs.replace(revision.spec, targets=targets, stopped=False)
