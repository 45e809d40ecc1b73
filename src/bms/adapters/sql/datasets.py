"""Data sets in SQL."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select

from bms.adapters.sql.store import Repository, noun
from bms.adapters.sql.tables.datasets import dataset_versions as versions
from bms.adapters.sql.tables.datasets import datasets
from bms.control.datasets.nouns import Dataset, DatasetVersion
from bms.core.errors import InvalidArgument
from bms.core.latest import Newest
from bms.core.pages import Page, PageRequest, page_of


class SqlDatasets(Repository):
    """`DatasetsTx` on SQL."""

    async def dataset(self, tenant: str, name: str) -> Dataset | None:
        return await self._one(Dataset, select(datasets).where(datasets.c.tenant == tenant, datasets.c.name == name))

    async def held_dataset(self, tenant: str, name: str) -> Dataset | None:
        mine = select(datasets).where(datasets.c.tenant == tenant, datasets.c.name == name)
        return await self._one(Dataset, mine.with_for_update())

    async def datasets(self, tenant: str, page: PageRequest) -> Page[Dataset]:
        live = (datasets.c.tenant == tenant, datasets.c.deleted.is_(False))
        return await self._page(Dataset, datasets, "name", page, *live)

    async def newest(self, tenant: str, datasets: Collection[str]) -> dict[str, Newest]:
        of = versions.c
        mine = (of.tenant == tenant, of.dataset.in_(datasets), of.state != "deleted")
        last = select(of.dataset, func.max(of.number).label("number")).where(*mine).group_by(of.dataset).subquery()
        same = (of.tenant == tenant) & (of.dataset == last.c.dataset) & (of.number == last.c.number)
        rows = await self._connection.execute(select(of.dataset, of.number, of.state).join(last, same))
        return {name: Newest(number=number, state=state) for name, number, state in rows}

    async def add_dataset(self, dataset: Dataset) -> None:
        await self._insert(datasets, dataset, f"a data set named {dataset.name!r} exists already in this tenant")

    async def save_dataset(self, dataset: Dataset) -> Dataset:
        return await self._save(datasets, dataset, datasets.c.tenant == dataset.tenant, datasets.c.id == dataset.id)

    async def next_number(self, tenant: str, name: str) -> int:
        row = select(datasets.c.id).where(datasets.c.tenant == tenant, datasets.c.name == name)
        await self._connection.execute(row.with_for_update())  # versions of one data set are numbered one by one
        newest = select(func.max(versions.c.number)).where(versions.c.tenant == tenant, versions.c.dataset == name)
        return ((await self._connection.execute(newest)).scalar() or 0) + 1

    async def version(self, tenant: str, dataset: str, number: int) -> DatasetVersion | None:
        mine = (versions.c.tenant == tenant, versions.c.dataset == dataset, versions.c.number == number)
        return await self._one(DatasetVersion, select(versions).where(*mine))

    async def version_by_id(self, tenant: str, id: str) -> DatasetVersion | None:
        mine = (versions.c.tenant == tenant, versions.c.id == id)
        return await self._one(DatasetVersion, select(versions).where(*mine))

    async def newest_ready(self, tenant: str, dataset: str) -> DatasetVersion | None:
        mine = (versions.c.tenant == tenant, versions.c.dataset == dataset, versions.c.state == "ready")
        query = select(versions).where(*mine).order_by(versions.c.number.desc()).limit(1)
        return await self._one(DatasetVersion, query)

    async def versions(
        self, tenant: str, dataset: str, page: PageRequest, *, every: bool = False
    ) -> Page[DatasetVersion]:
        query = select(versions).where(versions.c.tenant == tenant, versions.c.dataset == dataset)
        if not every:
            query = query.where(versions.c.state != "deleted")
        query = query.order_by(versions.c.number.desc()).limit(page.limit + 1)
        if page.after is not None:
            query = query.where(versions.c.number < _number(page.after))
        rows = (await self._connection.execute(query)).mappings()
        return page_of([(str(row["number"]), noun(DatasetVersion, row)) for row in rows], page.limit)

    async def kept_versions(self, tenant: str, dataset: str) -> list[DatasetVersion]:
        mine = (versions.c.tenant == tenant, versions.c.dataset == dataset, versions.c.state != "deleted")
        return await self._all(DatasetVersion, select(versions).where(*mine).order_by(versions.c.number))

    async def add_version(self, version: DatasetVersion) -> None:
        await self._insert(versions, version, f"{version.reference} exists already in this tenant")

    async def importing(self, before: datetime) -> list[DatasetVersion]:
        mine = (versions.c.state == "importing", versions.c.created_at < before)
        query = select(versions).where(*mine).order_by(versions.c.created_at)
        return await self._all(DatasetVersion, query)

    async def save_version(self, version: DatasetVersion) -> DatasetVersion:
        return await self._save(versions, version, versions.c.tenant == version.tenant, versions.c.id == version.id)

    async def trees(self, tenant: str) -> frozenset[str]:
        found = await self._all(
            DatasetVersion, select(versions).where(versions.c.tenant == tenant, versions.c.state != "deleted")
        )
        digests = [digest for version in found for digest in (version.tree, version.request.source.tree)]
        return frozenset(digest for digest in digests if digest is not None)


def _number(cursor: str) -> int:
    if not cursor.isdecimal():
        raise InvalidArgument("the cursor is not of this listing: repeat it from its start")
    return int(cursor)
