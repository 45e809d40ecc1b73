"""The port to object storage: immutable blobs, named by their content, one namespace per tenant."""

from collections.abc import AsyncIterator
from pathlib import PurePath
from typing import Protocol

import msgspec


class Blob(msgspec.Struct, frozen=True, kw_only=True):
    """A stored blob: `digest` is "sha256:<hex>" of the content, `size` its bytes."""

    digest: str
    size: int


class BlobStore(Protocol):
    """Reads and writes blobs, on this machine or over a connection.

    1. After `put` returns, the blob survives `kill -9` and a power cut; before, it is invisible.
    2. A blob never changes; putting it twice is one effect.
    3. Digests are checked on write and, when read to the end, on read.
    4. Tenants never see one another's blobs, even of equal content.
    """

    async def put(self, tenant: str, chunks: AsyncIterator[bytes], expected: str | None = None) -> Blob:
        """Stores a stream. Raises InvalidArgument if `expected` is given and the content differs (nothing is
        kept), ResourceExhausted when the disk is full."""
        ...

    async def stat(self, tenant: str, digest: str) -> Blob | None: ...

    def read(self, tenant: str, digest: str, offset: int = 0) -> AsyncIterator[bytes]:
        """The content from `offset` on. Raises NotFound; DataLoss at the end of a whole read that does not
        match its digest."""
        ...

    async def materialize(self, tenant: str, digest: str, target: PurePath) -> None:
        """Writes a verified, private copy of the blob to the local path `target`. Raises NotFound, DataLoss."""
        ...

    async def share(self, tenant: str, digest: str, target: PurePath) -> None:
        """As `materialize`, for a reader that does not write: `target` may be another name of the store's own file,
        with its mode."""
        ...


class ObjectStore(BlobStore, Protocol):
    """A blob store with garbage collection. One suite checks every variant."""

    def blobs(self, tenant: str) -> AsyncIterator[Blob]: ...

    async def sweep(self, tenant: str, referenced: frozenset[str], older_than_s: float) -> list[Blob]:
        """Deletes and returns blobs not in `referenced` and stored longer than `older_than_s` ago; the age
        spares what an upload in progress has put but not yet named."""
        ...
