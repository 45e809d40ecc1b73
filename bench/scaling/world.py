"""A registered world, put into a home's database in bulk: tenants, keys, models with their versions, deployments.

Rows are made of the nouns that the use cases make, in transactions of many rows, because a hundred thousand calls of
the API would be another benchmark. Every version is a copy of one that was really uploaded and verified; every model
has a deployment that names all its versions and is stopped: gateways route it, and no process runs for it.
"""

import asyncio
import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Table, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.models import SqlModels
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.tables.deployments import deployment_revisions, deployments, routes
from bms.adapters.sql.tables.metadata import metadata
from bms.adapters.sql.tables.models import aliases, models, versions
from bms.adapters.sql.tables.tenants import keys, tenants, users
from bms.app.home.directory import Home
from bms.control.deployments.nouns import Deployment, DeploymentRevision, DeploymentSpec, Target, TrafficRoute
from bms.control.models.nouns import Alias, Model, Version
from bms.control.tenants.nouns import Key, Tenant, User
from bms.core.access.credentials import KeyText, new_key, secret_digest
from bms.core.ids import new_id

VERSIONS = 10
MODELS_PER_TENANT = KEYS_PER_TENANT = 10
TENANTS_AT_ONCE = 50
TEMPLATE = "digits"
LARGE = "tenant-0"


class Size(NamedTuple):
    """How much is registered in all."""

    tenants: int
    keys: int
    models: int
    versions: int
    deployments: int

    @classmethod
    def of(cls, models: int) -> "Size":
        tenants = models // MODELS_PER_TENANT
        return cls(tenants, tenants * KEYS_PER_TENANT, models, models * VERSIONS, models)


class World:
    """What was put in. `key` is one of LARGE's, a tenant that owns every tenth model; the others have nine each."""

    def __init__(self, home: Path, url: str | None = None) -> None:
        self._url = url or f"sqlite:///{home}/bms.db"
        self._pepper = Home(home).pepper()
        self.models = 0
        self.key = ""

    @property
    def size(self) -> Size:
        return Size.of(self.models)

    def grow(self, models: int) -> Size:
        """Until that many models are registered, a multiple of MODELS_PER_TENANT; the platform must not run."""
        asyncio.run(self._grow(models))
        self.models = models
        return self.size

    async def _grow(self, until: int) -> None:
        database = Database(self._url)
        try:
            async with SqlStore(database, SqlModels).read() as tx:
                template = await tx.version("default", TEMPLATE, 1)
            assert template is not None, "push the digits model first"
            now = datetime.datetime.now(datetime.UTC)
            first, last = self.models // MODELS_PER_TENANT, until // MODELS_PER_TENANT
            for start in range(first, last, TENANTS_AT_ONCE):
                async with database.writing() as connection:
                    some = range(start, min(start + TENANTS_AT_ONCE, last))
                    await self._tenants(connection, some, template, now)
        finally:
            await database.close()

    async def _tenants(
        self, connection: AsyncConnection, numbers: range, template: Version, now: datetime.datetime
    ) -> None:
        rows: dict[str, list[dict[str, Any]]] = {table.name: [] for table in metadata.sorted_tables}
        for number in numbers:
            tenant, user = tenant_name(number), new_id("user")
            rows["tenants"].append(_row(Tenant(id=tenant, created_at=now)))
            rows["users"].append(_row(User(id=user, tenant=tenant, name="owner", role="owner", created_at=now)))
            for key in range(KEYS_PER_TENANT):
                rows["keys"].append(self._key(tenant, user, key, now))
            owned = [(tenant, model_name(model)) for model in range(1, MODELS_PER_TENANT)]
            for owner, model in [*owned, (LARGE, f"large-{number}")]:
                for table, row in _model(owner, user, model, template, now):
                    rows[table.name].append(row)
        for table in (tenants, users, keys, models, versions, aliases, deployments, deployment_revisions, routes):
            if rows[table.name]:
                await connection.execute(insert(table), rows[table.name])

    def _key(self, tenant: str, user: str, number: int, now: datetime.datetime) -> dict[str, Any]:
        text = new_key()
        if not self.key:
            self.key = str(text)
        key = Key(id=text.key_id, tenant=tenant, user=user, name=f"key-{number}", scopes=frozenset(), created_at=now)
        return _row(key, digest=self._digest(text))

    def _digest(self, text: KeyText) -> bytes:
        return secret_digest(self._pepper, text.secret)


def tenant_name(number: int) -> str:
    return f"tenant-{number}"


def model_name(number: int) -> str:
    """Of a tenant's model and of its deployment; from 1."""
    return f"model-{number}"


def _model(
    tenant: str, user: str, model: str, template: Version, now: datetime.datetime
) -> Iterator[tuple[Table, dict[str, Any]]]:
    """One model, its ready versions, an alias, and a deployment of all of them, stopped."""
    numbers = range(1, VERSIONS + 1)
    yield models, _row(Model(id=new_id("model"), tenant=tenant, name=model, description="", created_at=now))
    for number in numbers:
        changed = {"id": new_id("ver"), "tenant": tenant, "model": model, "number": number}
        yield versions, _row(msgspec.structs.replace(template, created_by=user, created_at=now, **changed))
    alias = Alias(tenant=tenant, model=model, name="production", version=VERSIONS, moved_at=now, moved_by=user)
    yield aliases, _row(alias)
    targets = tuple(Target(version=number, weight=100 // VERSIONS) for number in numbers)
    spec = DeploymentSpec(model=model, targets=targets, stopped=True)
    made = Deployment(id=new_id("dep"), tenant=tenant, name=model, spec=spec, created_at=now, created_by=user)
    yield deployments, _row(made, model=model)
    revision = DeploymentRevision(
        deployment=made.id, number=1, spec=spec, versions=tuple(numbers), cause="created", at=now, by=user
    )
    yield deployment_revisions, _row(revision)
    yield routes, _row(TrafficRoute(deployment=made.id, tenant=tenant))


def _row(noun: msgspec.Struct, **more: object) -> dict[str, Any]:
    return {**msgspec.structs.asdict(noun), **more}
