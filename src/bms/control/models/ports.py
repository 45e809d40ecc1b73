"""The ports of the registry: its repository, a safe opener of archives, and the finder of users."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from typing import Protocol

from bms.control.models.nouns import Alias, Model, Version, VersionFacts, VersionState
from bms.control.platform.allotments import AllotmentSink
from bms.control.platform.trees import FileEntry
from bms.core.events import EventSink
from bms.core.latest import Newest
from bms.core.pages import Page, PageRequest

VersionInUse = Callable[[str, str, int], Awaitable[str | None]]
"""(tenant, model, number) -> who uses that version, in words for people ("deployment 'digits'"), or None."""

AliasInUse = Callable[[str, str, str], Awaitable[str | None]]
"""(tenant, model, alias) -> who follows that alias, or None."""


class ModelsTx(EventSink, AllotmentSink, Protocol):
    """Repository of models, versions and aliases inside one transaction.

    `add_*` raises AlreadyExists for a name or number in use; `save_*` writes the noun with its revision raised
    by one and raises Aborted when the stored revision is not the noun's.
    """

    async def model(self, tenant: str, name: str) -> Model | None:
        """The model of that name, deleted ones too: a name's numbers go on where they ended."""
        ...

    async def held_model(self, tenant: str, name: str) -> Model | None:
        """As `model`, and locked until this transaction ends. Code that gives numbers, moves aliases or withdraws
        versions locks their model, so that each sees what the other did."""
        ...

    async def models(self, tenant: str, page: PageRequest, prefix: str = "", search: str = "") -> Page[Model]:
        """Live models by name, of names that begin with `prefix`; `search` in name or description, in any case."""
        ...

    async def newest(self, tenant: str, models: Collection[str], hidden: Collection[VersionState]) -> dict[str, Newest]:
        """The newest version of each of these models that has one in another state than those."""
        ...

    async def hold_datasets(self, tenant: str, references: Collection[str]) -> None:
        """Locks these data sets' versions against deletion until this transaction ends. Raises FailedPrecondition where
        one was deleted."""
        ...

    async def add_model(self, model: Model) -> None: ...
    async def save_model(self, model: Model) -> Model: ...

    async def next_number(self, tenant: str, model: str) -> int:
        """One more than the highest number ever given; the model must be locked."""
        ...

    async def version(self, tenant: str, model: str, number: int) -> Version | None: ...
    async def version_by_id(self, tenant: str, id: str) -> Version | None: ...
    async def version_of_job(self, tenant: str, model: str, job: str) -> Version | None:
        """The version that was added with `job`."""
        ...

    async def versions(
        self, tenant: str, model: str, page: PageRequest, states: frozenset[VersionState]
    ) -> Page[Version]:
        """Versions, newest first, in one of `states`; the page's key is the number as text."""
        ...

    async def kept_versions(self, tenant: str, model: str) -> list[Version]:
        """All versions that are not deleted, by number."""
        ...

    async def uploads_before(self, tenant: str, before: datetime) -> list[Version]:
        """Versions in state uploading that were created before then."""
        ...

    async def verifying(self, before: datetime) -> list[Version]:
        """Versions of all tenants that were made before then and are neither ready nor rejected yet, by age."""
        ...

    async def ready(self, after: datetime, before: datetime) -> list[Version]:
        """Ready versions of all tenants that were made between, by age."""
        ...

    async def remove_version(self, version: Version) -> None:
        """Deletes the row of an unfinished upload as if it had never been, so that its number may be given again."""
        ...

    async def artifacts(self, tenant: str) -> list[str]:
        """The artifacts' digests of all versions that are not deleted, each once."""
        ...

    async def add_version(self, version: Version, job: str | None = None) -> None:
        """Adds a version. `job` is the one whose output the platform registers; one version per job and model."""
        ...

    async def save_version(self, version: Version) -> Version: ...

    async def alias(self, tenant: str, model: str, name: str) -> Alias | None: ...
    async def aliases(self, tenant: str, model: str, page: PageRequest) -> Page[Alias]:
        """The model's aliases by name, in pages."""
        ...

    async def all_aliases(self, tenant: str, model: str, number: int | None = None) -> list[Alias]:
        """The model's aliases by name; with `number`, those that point at that version."""
        ...

    async def facts(self, models: Mapping[str, Collection[str]]) -> list[VersionFacts]:
        """The facts of every version of these models, given as names by tenant; deleted versions, too."""
        ...

    async def live_aliases(self, models: Mapping[str, Collection[str]]) -> list[Alias]:
        """The aliases of those of these models that are not deleted, given as names by tenant."""
        ...

    async def add_alias(self, alias: Alias) -> None: ...
    async def save_alias(self, alias: Alias) -> Alias: ...
    async def delete_alias(self, alias: Alias) -> None: ...


class Archives(Protocol):
    """Opens archives (zip, tar) that somebody uploaded."""

    async def unpack(self, tenant: str, digest: str) -> list[FileEntry]:
        """Stores every file of the archive with this digest as a blob of the tenant and lists them.

        Raises NotFound for an unknown digest, InvalidArgument for what is not an archive or is one that tries
        to get out of its directory, PayloadTooLarge for one that unpacks to too much.
        """
        ...


async def unused(_tenant: str, _model: str, _thing: int | str) -> None:
    """A finder that finds no users: where there are no deployments."""
