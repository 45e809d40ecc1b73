"""Models, versions and aliases in SQL."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Column, LargeBinary, Select, and_, delete, false, func, or_, select, type_coerce
from sqlalchemy.sql import ColumnElement

from bms.adapters.sql.datasets_needed import hold
from bms.adapters.sql.store import Repository, noun
from bms.adapters.sql.tables.columns import InterningDecoder
from bms.adapters.sql.tables.models import aliases, models, versions
from bms.adapters.sql.tables.models import models as models_table
from bms.control.models.nouns import Alias, Model, Version, VersionFacts, VersionState
from bms.core.errors import AlreadyExists
from bms.core.ids import differs_by_case
from bms.core.latest import Newest
from bms.core.pages import Page, PageRequest, page_of
from bms.core.tensors.preprocessing import Preprocess
from bms.core.tensors.signature import Signature

_LIVE_OWNER = and_(models.c.tenant == aliases.c.tenant, models.c.name == aliases.c.model, models.c.deleted.is_(False))


class SqlModels(Repository):
    """`ModelsTx` on SQL."""

    async def model(self, tenant: str, name: str) -> Model | None:
        return await self._one(Model, _model(tenant, name))

    async def held_model(self, tenant: str, name: str) -> Model | None:
        # A write transaction on SQLite holds the whole database already; there, FOR UPDATE is left out.
        return await self._one(Model, _model(tenant, name).with_for_update())

    async def models(self, tenant: str, page: PageRequest, prefix: str = "", search: str = "") -> Page[Model]:
        where: list[ColumnElement[bool]] = [models.c.tenant == tenant, models.c.deleted.is_(False)]
        if prefix:
            where.append(func.substr(models.c.name, 1, len(prefix)) == prefix)
        if search:
            texts = (models.c.name, models.c.description)
            where.append(or_(*(text.icontains(search, autoescape=True) for text in texts)))
        return await self._page(Model, models, "name", page, *where)

    async def newest(self, tenant: str, models: Collection[str], hidden: Collection[VersionState]) -> dict[str, Newest]:
        of = versions.c
        mine = (of.tenant == tenant, of.model.in_(models), of.state.not_in(sorted(hidden)))
        last = select(of.model, func.max(of.number).label("number")).where(*mine).group_by(of.model).subquery()
        same = (of.tenant == tenant) & (of.model == last.c.model) & (of.number == last.c.number)
        rows = await self._connection.execute(select(of.model, of.number, of.state).join(last, same))
        return {name: Newest(number=number, state=state) for name, number, state in rows}

    async def hold_datasets(self, tenant: str, references: Collection[str]) -> None:
        await hold(self._connection, tenant, dict.fromkeys(references))

    async def add_model(self, model: Model) -> None:
        same = (models.c.tenant == model.tenant, func.lower(models.c.name) == model.name.lower())
        there = (await self._connection.execute(select(models.c.name).where(*same))).scalar()
        if there is not None and there != model.name:
            raise AlreadyExists(differs_by_case("model", model.name, there))
        await self._insert(models, model, f"a model named {model.name!r} exists already: choose another name")

    async def save_model(self, model: Model) -> Model:
        return await self._save(models, model, models.c.tenant == model.tenant, models.c.id == model.id)

    async def next_number(self, tenant: str, model: str) -> int:
        highest = select(func.max(versions.c.number)).where(*_of(tenant, model))
        return ((await self._connection.execute(highest)).scalar() or 0) + 1

    async def version(self, tenant: str, model: str, number: int) -> Version | None:
        query = select(versions).where(*_of(tenant, model), versions.c.number == number)
        return await self._one(Version, query)

    async def version_by_id(self, tenant: str, id: str) -> Version | None:
        return await self._one(Version, select(versions).where(versions.c.tenant == tenant, versions.c.id == id))

    async def version_of_job(self, tenant: str, model: str, job: str) -> Version | None:
        return await self._one(Version, select(versions).where(*_of(tenant, model), versions.c.job == job))

    async def versions(
        self, tenant: str, model: str, page: PageRequest, states: frozenset[VersionState]
    ) -> Page[Version]:
        query = select(versions).where(*_of(tenant, model), versions.c.state.in_(sorted(states)))
        if page.after is not None:
            query = query.where(versions.c.number < int(page.after))
        query = query.order_by(versions.c.number.desc()).limit(page.limit + 1)
        rows = (await self._connection.execute(query)).mappings()
        return page_of([(str(row["number"]), noun(Version, row)) for row in rows], page.limit)

    async def kept_versions(self, tenant: str, model: str) -> list[Version]:
        query = select(versions).where(*_of(tenant, model), versions.c.state != "deleted")
        return await self._all(Version, query.order_by(versions.c.number))

    async def uploads_before(self, tenant: str, before: datetime) -> list[Version]:
        query = select(versions).where(
            versions.c.tenant == tenant, versions.c.state == "uploading", versions.c.created_at < before
        )
        return await self._all(Version, query.order_by(versions.c.id))

    async def verifying(self, before: datetime) -> list[Version]:
        mine = (versions.c.state == "verifying", versions.c.created_at < before)
        return await self._all(Version, select(versions).where(*mine).order_by(versions.c.created_at))

    async def ready(self, after: datetime, before: datetime) -> list[Version]:
        mine = (versions.c.state == "ready", versions.c.created_at > after, versions.c.created_at < before)
        return await self._all(Version, select(versions).where(*mine).order_by(versions.c.created_at))

    async def remove_version(self, version: Version) -> None:
        own = (versions.c.tenant == version.tenant, versions.c.id == version.id)
        await self._connection.execute(delete(versions).where(*own))

    async def artifacts(self, tenant: str) -> list[str]:
        kept = (versions.c.tenant == tenant, versions.c.state != "deleted")
        query = select(versions.c.artifact).where(*kept).distinct().order_by(versions.c.artifact)
        return list((await self._connection.execute(query)).scalars())

    async def add_version(self, version: Version, job: str | None = None) -> None:
        taken = f"version {version.number} of {version.model!r} exists already, or one of the same job"
        await self._insert(versions, version, taken, job=job)

    async def save_version(self, version: Version) -> Version:
        return await self._save(versions, version, versions.c.tenant == version.tenant, versions.c.id == version.id)

    async def alias(self, tenant: str, model: str, name: str) -> Alias | None:
        return await self._one(Alias, _aliases(tenant, model).where(aliases.c.name == name))

    async def aliases(self, tenant: str, model: str, page: PageRequest) -> Page[Alias]:
        mine = (aliases.c.tenant == tenant, aliases.c.model == model)
        return await self._page(Alias, aliases, "name", page, *mine)

    async def all_aliases(self, tenant: str, model: str, number: int | None = None) -> list[Alias]:
        query = _aliases(tenant, model).order_by(aliases.c.name)
        return await self._all(Alias, query if number is None else query.where(aliases.c.version == number))

    async def facts(self, models: Mapping[str, Collection[str]]) -> list[VersionFacts]:
        of = versions.c
        plain = (of.tenant, of.model, of.number, of.state, of.runtime)
        packed = (of.signatures, of.preprocess, of.labels)
        query = select(*plain, *(type_coerce(column, LargeBinary).label(column.name) for column in packed))
        rows = await self._connection.execute(query.where(_among(models, of.tenant, of.model)))
        signatures, preprocess, labels = (
            InterningDecoder(dict[str, Signature]),
            InterningDecoder(Preprocess),
            InterningDecoder(tuple[str, ...]),
        )
        return [
            VersionFacts(
                tenant=row[0],
                model=row[1],
                number=row[2],
                state=row[3],
                runtime=row[4],
                signatures=signatures.read(row[5]),
                preprocess=preprocess.read(row[6]),
                labels=labels.read(row[7]),
            )
            for row in rows
        ]

    async def live_aliases(self, models: Mapping[str, Collection[str]]) -> list[Alias]:
        query = select(aliases).join(models_table, _LIVE_OWNER)
        query = query.where(_among(models, aliases.c.tenant, aliases.c.model))
        return await self._all(Alias, query)

    async def add_alias(self, alias: Alias) -> None:
        await self._insert(aliases, alias, f"model {alias.model!r} has an alias {alias.name!r} already")

    async def save_alias(self, alias: Alias) -> Alias:
        return await self._save(aliases, alias, *_this(alias))

    async def delete_alias(self, alias: Alias) -> None:
        await self._connection.execute(delete(aliases).where(*_this(alias)))


def _model(tenant: str, name: str) -> Select[tuple[object, ...]]:
    return select(models).where(models.c.tenant == tenant, models.c.name == name)


def _of(tenant: str, model: str) -> tuple[ColumnElement[bool], ...]:
    return (versions.c.tenant == tenant, versions.c.model == model)


def _aliases(tenant: str, model: str) -> Select[tuple[object, ...]]:
    return select(aliases).where(aliases.c.tenant == tenant, aliases.c.model == model)


def _among(models: Mapping[str, Collection[str]], tenant: Column[str], model: Column[str]) -> ColumnElement[bool]:
    """One comparison per tenant: SQLite finds no index for pairs in a list of pairs."""
    return or_(false(), *(and_(tenant == one, model.in_(sorted(names))) for one, names in models.items()))


def _this(alias: Alias) -> tuple[ColumnElement[bool], ...]:
    return (aliases.c.tenant == alias.tenant, aliases.c.model == alias.model, aliases.c.name == alias.name)
