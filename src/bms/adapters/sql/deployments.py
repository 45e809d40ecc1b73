"""Deployments, revisions, routes and replicas in SQL."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, select, update

from bms.adapters.sql.store import Repository
from bms.adapters.sql.tables.deployments import deployment_revisions, deployments, replicas, routes
from bms.control.deployments.nouns import Deployment, DeploymentRevision, Replica, TrafficRoute
from bms.core.errors import AlreadyExists, InvalidArgument
from bms.core.ids import differs_by_case
from bms.core.pages import Page, PageRequest, page_of

_ENDED = ("stopped", "failed")


class SqlDeployments(Repository):
    """`DeploymentsTx` on SQL."""

    async def deployment(self, tenant: str, name: str) -> Deployment | None:
        query = select(deployments).where(deployments.c.tenant == tenant, deployments.c.name == name, _live())
        return await self._one(Deployment, query)

    async def deployment_by_id(self, tenant: str, id: str) -> Deployment | None:
        query = select(deployments).where(deployments.c.tenant == tenant, deployments.c.id == id)
        return await self._one(Deployment, query)

    async def deployments(self, tenant: str, page: PageRequest, model: str | None = None) -> Page[Deployment]:
        where = [deployments.c.tenant == tenant, _live()] + ([deployments.c.model == model] if model else [])
        return await self._page(Deployment, deployments, "name", page, *where)

    async def of_model(self, tenant: str, model: str) -> list[Deployment]:
        mine = (deployments.c.tenant == tenant, deployments.c.model == model, _live())
        return await self._all(Deployment, select(deployments).where(*mine).order_by(deployments.c.name))

    async def active_ids(self) -> list[str]:
        return list((await self._connection.execute(_active().order_by(deployments.c.id))).scalars())

    async def active(self, among: Collection[str] | None = None) -> list[Deployment]:
        query = select(deployments).where(deployments.c.id.in_(_active(among))).order_by(deployments.c.id)
        return await self._all(Deployment, query)

    async def add_deployment(self, deployment: Deployment) -> None:
        same = (deployments.c.tenant == deployment.tenant, func.lower(deployments.c.name) == deployment.name.lower())
        there = (await self._connection.execute(select(deployments.c.name).where(*same, _live()))).scalar()
        if there is not None and there != deployment.name:
            raise AlreadyExists(differs_by_case("deployment", deployment.name, there))
        taken = f"a deployment named {deployment.name!r} exists already: change it, or choose another name"
        await self._insert(deployments, deployment, taken, model=deployment.spec.model)

    async def save_deployment(self, deployment: Deployment) -> Deployment:
        mine = (deployments.c.tenant == deployment.tenant, deployments.c.id == deployment.id)
        saved = await self._save(deployments, deployment, *mine)
        await self._connection.execute(update(deployments).where(*mine).values(model=deployment.spec.model))
        return saved

    async def add_revision(self, revision: DeploymentRevision) -> None:
        taken = f"revision {revision.number} exists already"
        await self._insert(deployment_revisions, revision, taken)

    async def revision(self, deployment: str, number: int) -> DeploymentRevision | None:
        table = deployment_revisions
        query = select(table).where(table.c.deployment == deployment, table.c.number == number)
        return await self._one(DeploymentRevision, query)

    async def revisions(self, deployment: str, page: PageRequest) -> Page[DeploymentRevision]:
        rows = await self._all(DeploymentRevision, _newest(deployment, page).limit(page.limit + 1))
        return page_of([(str(row.number), row) for row in rows], page.limit)

    async def latest_revisions(self, among: Collection[str] | None = None) -> dict[str, DeploymentRevision]:
        table = deployment_revisions
        newest = (
            select(table.c.deployment, func.max(table.c.number).label("number"))
            .where(table.c.deployment.in_(_active(among)))
            .group_by(table.c.deployment)
            .subquery()
        )
        joined = (table.c.deployment == newest.c.deployment) & (table.c.number == newest.c.number)
        rows = await self._all(DeploymentRevision, select(table).join(newest, joined))
        return {row.deployment: row for row in rows}

    async def previous_revision(self, deployment: str, versions: tuple[int, ...]) -> DeploymentRevision | None:
        table = deployment_revisions
        query = _newest(deployment, PageRequest()).where(table.c.versions != versions)
        return await self._one(DeploymentRevision, query.limit(1))

    async def route(self, deployment: str) -> TrafficRoute | None:
        return await self._one(TrafficRoute, select(routes).where(routes.c.deployment == deployment))

    async def routes(self, among: Collection[str] | None = None) -> dict[str, TrafficRoute]:
        rows = await self._all(TrafficRoute, select(routes).where(routes.c.deployment.in_(_active(among))))
        return {row.deployment: row for row in rows}

    async def add_route(self, route: TrafficRoute) -> None:
        await self._insert(routes, route, f"deployment {route.deployment} has a route already")

    async def save_route(self, route: TrafficRoute) -> TrafficRoute:
        return await self._save(routes, route, routes.c.tenant == route.tenant, routes.c.deployment == route.deployment)

    async def replica(self, id: str) -> Replica | None:
        return await self._one(Replica, select(replicas).where(replicas.c.id == id))

    async def replicas(self, deployment: str) -> list[Replica]:
        return await self._all(Replica, _by_birth().where(replicas.c.deployment == deployment))

    async def all_replicas(self, among: Collection[str] | None = None) -> list[Replica]:
        return await self._all(Replica, _by_birth().where(replicas.c.deployment.in_(_active(among))))

    async def replicas_at_work(self, workloads: Collection[str]) -> list[Replica]:
        at_work = replicas.c.state.not_in(_ENDED) | replicas.c.id.in_(workloads)
        return await self._all(Replica, _by_birth().where(at_work))

    async def replica_ids(self, tenant: str) -> list[str]:
        query = select(replicas.c.id).where(replicas.c.tenant == tenant).order_by(replicas.c.id)
        return list((await self._connection.execute(query)).scalars())

    async def add_replica(self, replica: Replica) -> None:
        await self._insert(replicas, replica, f"a replica {replica.id!r} exists already")

    async def save_replica(self, replica: Replica) -> Replica:
        return await self._save(replicas, replica, replicas.c.tenant == replica.tenant, replicas.c.id == replica.id)

    async def forget_replicas(self, ids: list[str]) -> None:
        ended = replicas.c.state.in_(_ENDED)
        await self._connection.execute(delete(replicas).where(replicas.c.id.in_(ids), ended))


def _live() -> ColumnElement[bool]:
    return deployments.c.deleted.is_(False)


def _active(among: Collection[str] | None = None) -> Select[Any]:
    """Ids of live deployments, and of deleted ones whose end is not complete; all, or those `among` these."""
    working = select(replicas.c.deployment).where(replicas.c.state.not_in(_ENDED))
    routed = select(routes.c.deployment).where(routes.c.shares != ())
    if among is not None:
        working, routed = working.where(replicas.c.deployment.in_(among)), routed.where(routes.c.deployment.in_(among))
    query = select(deployments.c.id).where(_live() | deployments.c.id.in_(working) | deployments.c.id.in_(routed))
    return query if among is None else query.where(deployments.c.id.in_(among))


def _newest(deployment: str, page: PageRequest) -> Select[Any]:
    table = deployment_revisions
    query = select(table).where(table.c.deployment == deployment).order_by(table.c.number.desc())
    if page.after is None:
        return query
    if not page.after.isdecimal():
        raise InvalidArgument("the cursor is not of this listing: repeat it from its start")
    return query.where(table.c.number < int(page.after))


def _by_birth() -> Select[Any]:
    return select(replicas).order_by(replicas.c.id)
