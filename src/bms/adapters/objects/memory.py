"""An object store in this process's memory, for tests and experiments."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path, PurePath

from bms.adapters.objects.content import CHUNK, checked_offset, differs, write_copy
from bms.control.platform.objects import Blob
from bms.core.cancellation import in_thread
from bms.core.clock import Clock, SystemClock
from bms.core.digest import check_digest, of_bytes
from bms.core.errors import DataLoss, NotFound
from bms.core.ids import check_name


class MemoryObjectStore:
    """The ObjectStore without a disk."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._tenants: dict[str, dict[str, tuple[bytes, float]]] = {}

    async def put(self, tenant: str, chunks: AsyncIterator[bytes], expected: str | None = None) -> Blob:
        tenant = check_name("tenant", tenant)
        expected = None if expected is None else check_digest(expected)
        content = b"".join([chunk async for chunk in chunks])
        digest = of_bytes(content)
        if expected is not None and expected != digest:
            raise differs(expected, digest, len(content))
        self._tenants.setdefault(tenant, {})[digest] = (content, self._clock.now().timestamp())
        return Blob(digest=digest, size=len(content))

    async def stat(self, tenant: str, digest: str) -> Blob | None:
        held = self._held(tenant).get(check_digest(digest))
        return None if held is None else Blob(digest=digest, size=len(held[0]))

    async def read(self, tenant: str, digest: str, offset: int = 0) -> AsyncIterator[bytes]:
        content = self._content(tenant, digest)
        start = checked_offset(offset, len(content), digest)
        running = hashlib.sha256()
        for begin in range(start, len(content), CHUNK):
            chunk = content[begin : begin + CHUNK]
            running.update(chunk)
            yield chunk
        if start == 0 and digest != "sha256:" + running.hexdigest():
            raise DataLoss(f"blob {digest} no longer matches its digest")

    async def materialize(self, tenant: str, digest: str, target: PurePath) -> None:
        content = self._content(tenant, digest)
        await in_thread(write_copy, iter([content]), digest, Path(target))

    async def share(self, tenant: str, digest: str, target: PurePath) -> None:
        await self.materialize(tenant, digest, target)

    async def blobs(self, tenant: str) -> AsyncIterator[Blob]:
        for digest, (content, _) in sorted(self._held(tenant).items()):
            yield Blob(digest=digest, size=len(content))

    async def sweep(self, tenant: str, referenced: frozenset[str], older_than_s: float) -> list[Blob]:
        held = self._held(tenant)
        before = self._clock.now().timestamp() - older_than_s
        old = sorted(digest for digest, (_, at) in held.items() if digest not in referenced and at < before)
        return [Blob(digest=digest, size=len(held.pop(digest)[0])) for digest in old]

    def _held(self, tenant: str) -> dict[str, tuple[bytes, float]]:
        return self._tenants.get(check_name("tenant", tenant), {})

    def _content(self, tenant: str, digest: str) -> bytes:
        held = self._held(tenant).get(check_digest(digest))
        if held is None:
            raise NotFound(f"tenant {tenant} has no blob {digest}")
        return held[0]
