"""What the datasets feature needs stored."""

from collections.abc import Collection
from typing import Protocol

from bms.control.datasets.nouns import Dataset, DatasetVersion
from bms.core.events import EventSink
from bms.core.newest import Newest
from bms.core.pages import Page, PageRequest


class DatasetsTx(EventSink, Protocol):
    """Repository of data sets and their versions inside one transaction.

    `add_*` raises AlreadyExists for a name or number in use; `save_version` writes the noun with its revision
    raised by one and raises Aborted when the stored revision is not the noun's.
    """

    async def dataset(self, tenant: str, name: str) -> Dataset | None: ...
    async def datasets(self, tenant: str, page: PageRequest) -> Page[Dataset]:
        """In order of name."""
        ...

    async def newest(self, tenant: str, datasets: Collection[str]) -> dict[str, Newest]:
        """The newest version of each of these that has one."""
        ...

    async def add_dataset(self, dataset: Dataset) -> None: ...

    async def next_number(self, tenant: str, name: str) -> int:
        """The number of the data set's next version, nobody else's until this transaction ends."""
        ...

    async def version(self, tenant: str, dataset: str, number: int) -> DatasetVersion | None: ...
    async def version_by_id(self, tenant: str, id: str) -> DatasetVersion | None: ...

    async def newest_ready(self, tenant: str, dataset: str) -> DatasetVersion | None: ...

    async def versions(self, tenant: str, dataset: str, page: PageRequest) -> Page[DatasetVersion]:
        """Newest first."""
        ...

    async def add_version(self, version: DatasetVersion) -> None: ...
    async def save_version(self, version: DatasetVersion) -> DatasetVersion: ...

    async def trees(self, tenant: str) -> frozenset[str]:
        """Digests of all trees its versions speak of, sources included."""
        ...
