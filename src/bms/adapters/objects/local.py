"""An object store on a local disk: ROOT/<tenant>/sha256/ab/<64 hex digits>, uploads in ROOT/<tenant>/tmp.

Several processes may use one root at once. Files are touched in threads only, never on the event loop.
"""

import asyncio
import errno
import fcntl
import hashlib
import os
import re
import secrets
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import aclosing, closing, contextmanager
from pathlib import Path, PurePath
from typing import IO, Self

from bms.adapters.objects.content import CHUNK, checked_offset, differs, verified, write_copy
from bms.adapters.objects.upload import Upload, make_durable_directory, remove_stale, sync_directory
from bms.control.platform.objects import Blob
from bms.core.cancellation import in_thread, opened, thread_of, to_the_end
from bms.core.clock import Clock, SystemClock
from bms.core.digest import check_digest
from bms.core.errors import DataLoss, NotFound, Unavailable
from bms.core.ids import check_name

Give = Callable[[Path, str, Path, threading.Event], None]
_NO_LINK = frozenset({errno.EMLINK, errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP})
_HEX = re.compile(r"[0-9a-f]{64}")


class LocalObjectStore:
    """The ObjectStore of one machine."""

    def __init__(self, root: Path, clock: Clock | None = None) -> None:
        self._root = root
        self._clock = clock or SystemClock()
        self._begun = False  # the root was there
        self._filled = False  # and something in it

    @classmethod
    def open(cls, root: Path, clock: Clock | None = None) -> Self:
        """Creates `root` if it is missing and removes what killed uploads left. Blocking; call it at start-up."""
        make_durable_directory(root.absolute())
        for temporary in root.glob("*/tmp"):
            remove_stale(temporary)
        store = cls(root, clock)
        store._begun, store._filled = True, any(root.iterdir())
        return store

    async def put(self, tenant: str, chunks: AsyncIterator[bytes], expected: str | None = None) -> Blob:
        directory = self._directory(tenant)
        expected = None if expected is None else check_digest(expected)
        upload = Upload(directory / "tmp", self._require_root)
        try:
            async with aclosing(_gathered(chunks)) as pieces:
                async for data in pieces:
                    await in_thread(self._write, upload, data)
            digest = upload.digest
            if expected is not None and expected != digest:
                raise differs(expected, digest, upload.size)
            await in_thread(self._publish, upload, directory, digest)
        finally:
            await in_thread(upload.abort)
        return Blob(digest=digest, size=upload.size)

    async def stat(self, tenant: str, digest: str) -> Blob | None:
        size = await asyncio.to_thread(self._size, self._path(tenant, digest))
        return None if size is None else Blob(digest=digest, size=size)

    async def read(self, tenant: str, digest: str, offset: int = 0) -> AsyncIterator[bytes]:
        try:
            file = await opened(self._opened, self._path(tenant, digest))
        except FileNotFoundError as error:
            raise NotFound(f"tenant {tenant} has no blob {digest}") from error
        with file:  # a buffered file: closing waits for a read that a cancelled caller left running in its thread
            file.seek(checked_offset(offset, os.fstat(file.fileno()).st_size, digest))
            running = hashlib.sha256()

            def step() -> bytes:
                with _reaching():
                    chunk = file.read(CHUNK)
                if offset == 0:
                    running.update(chunk)
                return chunk

            while chunk := await asyncio.to_thread(step):
                yield chunk
            if offset == 0 and digest != "sha256:" + running.hexdigest():
                raise DataLoss(f"blob {digest} no longer matches its digest; restore it from a backup")

    async def materialize(self, tenant: str, digest: str, target: PurePath) -> None:
        await self._give(_copy, tenant, digest, target)

    async def share(self, tenant: str, digest: str, target: PurePath) -> None:
        await self._give(_link, tenant, digest, target)

    async def _give(self, give: Give, tenant: str, digest: str, target: PurePath) -> None:
        path, stop = self._path(tenant, digest), threading.Event()
        try:
            copying = thread_of(give, path, digest, Path(target), stop)
            await to_the_end(copying, hurry=stop.set)
        except (FileNotFoundError, NotADirectoryError) as error:
            await asyncio.to_thread(self._require_root)
            raise NotFound(f"tenant {tenant} has no blob {digest}") from error

    async def blobs(self, tenant: str) -> AsyncIterator[Blob]:
        for path, status in await asyncio.to_thread(self._listed, tenant):
            yield Blob(digest=f"sha256:{path.name}", size=status.st_size)

    async def sweep(self, tenant: str, referenced: frozenset[str], older_than_s: float) -> list[Blob]:
        before = self._clock.now().timestamp() - older_than_s
        return await asyncio.to_thread(self._sweep, tenant, referenced, before)

    def _directory(self, tenant: str) -> Path:
        return self._root / check_name("tenant", tenant)

    def _path(self, tenant: str, digest: str) -> Path:
        name = check_digest(digest).removeprefix("sha256:")
        return self._directory(tenant) / "sha256" / name[:2] / name

    def _write(self, upload: Upload, data: bytes) -> None:
        with self._writing():
            upload.write(data)

    def _publish(self, upload: Upload, directory: Path, digest: str) -> None:
        self._require_root()
        name = digest.removeprefix("sha256:")
        with self._writing():
            make_durable_directory(directory / "sha256")
            with _held(directory / "sha256", fcntl.LOCK_SH):
                upload.publish(directory / "sha256" / name[:2] / name, self._clock.now().timestamp())
        self._begun = self._filled = True

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with _reaching():
                yield
        except FileNotFoundError:
            self._require_root()  # it may have gone meanwhile
            raise

    def _size(self, path: Path) -> int | None:
        """None where there is no such file, though the root is there."""
        try:
            with _reaching():
                return path.stat().st_size
        except FileNotFoundError:
            self._require_root()
            return None

    def _opened(self, path: Path) -> IO[bytes]:
        """Raises FileNotFoundError where there is no such file, though the root is there."""
        try:
            with _reaching():
                return path.open("rb")
        except FileNotFoundError:
            self._require_root()
            raise

    def _require_root(self) -> None:
        """Raises Unavailable while the root is away, say a disk that is not mounted: nothing is missing because of it,
        and nothing is to be written in its place."""
        if not self._begun:
            return
        try:
            with os.scandir(self._root) as entries:
                there = any(True for _ in entries) or not self._filled
        except OSError:
            there = False
        if not there:
            raise Unavailable("the folder of objects is away: see that its disk is mounted", retry_after_s=5)

    def _listed(self, tenant: str) -> list[tuple[Path, os.stat_result]]:
        found = []
        for path in sorted(self._directory(tenant).glob("sha256/??/*")):
            if _HEX.fullmatch(path.name):
                try:
                    found.append((path, path.stat()))
                except FileNotFoundError:
                    continue  # swept by another process since it was listed
        return found

    def _sweep(self, tenant: str, referenced: frozenset[str], before: float) -> list[Blob]:
        removed = []
        for path, status in self._listed(tenant):
            digest = f"sha256:{path.name}"
            if digest in referenced or status.st_mtime >= before:
                continue
            with _held(path.parent.parent, fcntl.LOCK_EX):  # no upload may renew it between look and deed
                try:
                    if path.stat().st_mtime >= before:
                        continue
                    path.unlink()
                except FileNotFoundError:
                    continue
            removed.append(Blob(digest=digest, size=status.st_size))
        for changed in {self._path(tenant, blob.digest).parent for blob in removed}:
            sync_directory(changed)
        return removed


@contextmanager
def _reaching() -> Iterator[None]:
    """What the disk says, in our words: it is away, or fails. That a file is missing is let through."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else "no reason"
        raise Unavailable(f"the folder of objects can't be used: {why}", retry_after_s=5) from error


@contextmanager
def _held(directory: Path, how: int) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


async def _gathered(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """The same bytes in pieces of at least CHUNK, so that a network's small pieces cost few thread hops."""
    waiting: list[bytes] = []
    size = 0
    async for chunk in chunks:
        waiting.append(bytes(chunk))
        size += len(chunk)
        if size >= CHUNK:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


def _copy(path: Path, digest: str, target: Path, stop: threading.Event) -> None:
    with closing(_file_chunks(path)) as chunks:  # what is stopped half-way must not wait for the collector to be closed
        write_copy(chunks, digest, target, stop)


def _link(path: Path, digest: str, target: Path, stop: threading.Event) -> None:
    """A copy where there can be no link: too many of a file, or another disk."""
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, part)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        _copy(path, digest, target, stop)
        return
    try:
        with closing(_file_chunks(part)) as chunks:
            if verified(chunks, digest, target, stop):
                part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _file_chunks(path: Path) -> Generator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
