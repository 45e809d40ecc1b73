"""Trees on the local disk, shared read-only by whoever needs their files: jobs, model servers."""

from collections.abc import Iterable
from typing import Protocol


class CachedTrees(Protocol):
    """Removing trees that are kept where workloads run. Raises Unavailable where that side can't be asked."""

    async def prune(
        self, keep: Iterable[tuple[str, str]], spared_s: float, *, tenant: str | None = None
    ) -> list[tuple[str, str]]:
        """Removes the trees of all (tenant, digest), or of those of `tenant`, that are not in `keep` and that nobody
        asked for in the last `spared_s` seconds; returns them. Nothing may use them."""
        ...


class TreeCache(CachedTrees, Protocol):
    """Contract: a directory is complete from the moment it is there, and one digest is written once, also when
    asked for twice at once or by two processes; tenants share nothing."""

    async def path(self, tenant: str, digest: str) -> str:
        """The directory that holds the tree's files, verified and read-only, written now unless it is there.

        Raises NotFound, DataLoss, ResourceExhausted.
        """
        ...
