"""The repository that data sets need."""

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from typing import Protocol

from bms.control.datasets.nouns import Dataset, DatasetVersion
from bms.control.platform.allotments import AllotmentSink
from bms.core.events import EventSink
from bms.core.latest import Newest
from bms.core.pages import Page, PageRequest

InUse = Callable[[EventSink, str, str, frozenset[int], bool], Awaitable[str | None]]
"""(transaction, tenant, data set, numbers of versions that are to go, whether another ready one stays) -> who needs one
of them, in words for people ("gate 'accuracy' of model 'digits'"), or None. The transaction holds the data set, and so
does whoever begins to need one."""


class DatasetsTx(EventSink, AllotmentSink, Protocol):
    """Repository of data sets and their versions inside one transaction.

    `add_*` raises AlreadyExists for a name or number in use; `save_version` writes the noun with its revision
    raised by one and raises Aborted when the stored revision is not the noun's.
    """

    async def dataset(self, tenant: str, name: str) -> Dataset | None:
        """The data set of that name, deleted ones too: a name's numbers go on where they ended."""
        ...

    async def held_dataset(self, tenant: str, name: str) -> Dataset | None:
        """As `dataset`, and locked: until this transaction ends, no other one holds it."""
        ...

    async def datasets(self, tenant: str, page: PageRequest) -> Page[Dataset]:
        """Live data sets in order of name."""
        ...

    async def newest(self, tenant: str, datasets: Collection[str]) -> dict[str, Newest]:
        """The newest version of each of these data sets that has one."""
        ...

    async def add_dataset(self, dataset: Dataset) -> None: ...
    async def save_dataset(self, dataset: Dataset) -> Dataset: ...

    async def next_number(self, tenant: str, name: str) -> int:
        """The number of the data set's next version, reserved until this transaction ends."""
        ...

    async def version(self, tenant: str, dataset: str, number: int) -> DatasetVersion | None: ...
    async def version_by_id(self, tenant: str, id: str) -> DatasetVersion | None: ...

    async def newest_ready(self, tenant: str, dataset: str) -> DatasetVersion | None: ...

    async def versions(
        self, tenant: str, dataset: str, page: PageRequest, *, every: bool = False
    ) -> Page[DatasetVersion]:
        """The versions of a data set, newest first; `every`: deleted ones, too."""
        ...

    async def kept_versions(self, tenant: str, dataset: str) -> list[DatasetVersion]:
        """All versions that are not deleted, by number."""
        ...

    async def add_version(self, version: DatasetVersion) -> None: ...
    async def importing(self, before: datetime) -> list[DatasetVersion]:
        """Versions of all tenants that were made before then and are neither ready nor failed yet, by age."""
        ...

    async def save_version(self, version: DatasetVersion) -> DatasetVersion: ...

    async def trees(self, tenant: str) -> frozenset[str]:
        """Digests of all trees that the versions refer to, sources included, but for deleted versions."""
        ...
