"""The port to cached trees: files on the local disk, shared read-only by jobs and model servers."""

from collections.abc import Iterable
from typing import Protocol


class CachedTrees(Protocol):
    """Prunes cached trees where workloads run. Raises Unavailable where that side can't be asked."""

    async def prune(
        self, keep: Iterable[tuple[str, str]], spared_s: float, *, tenant: str | None = None
    ) -> list[tuple[str, str]]:
        """Removes the trees of all (tenant, digest), or of those of `tenant`, that are not in `keep` and that nobody
        asked for in the last `spared_s` seconds; returns them. They must not be in use."""
        ...


class TreeCache(CachedTrees, Protocol):
    """Writes trees to the local disk. Contract: a directory is complete from the moment it is there, and one digest is
    written once, also when asked for twice at once or by two processes; tenants share nothing."""

    async def path(self, tenant: str, digest: str) -> str:
        """The directory that holds the tree's files, verified and read-only, written now unless it is there.

        Raises NotFound, DataLoss, ResourceExhausted.
        """
        ...
