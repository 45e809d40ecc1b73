"""Stores uploaded archives as blobs: unpacked in a scratch directory, stored file by file, then removed."""

import asyncio
import fcntl
import os
import secrets
import shutil
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Self

from bms.adapters.objects.archives import unpack
from bms.adapters.objects.content import CHUNK
from bms.adapters.objects.extraction import Limits
from bms.control.platform.objects import ObjectStore
from bms.control.platform.trees import FileEntry
from bms.core.cancellation import in_thread, opened
from bms.core.digest import check_digest
from bms.core.errors import NotFound, PayloadTooLarge


class Unpacker:
    """`Archives` over an object store. `scratch` is a local directory for nothing else."""

    def __init__(self, objects: ObjectStore, scratch: Path, limits: Limits | None = None, *, at_once: int = 2) -> None:
        self._objects = objects
        self._scratch = scratch
        self._limits = limits or Limits()
        self._turns = asyncio.Semaphore(at_once)  # each may fill the disk up to its limits for a while

    @classmethod
    def open(cls, objects: ObjectStore, scratch: Path, limits: Limits | None = None) -> Self:
        """Creates `scratch` and removes what killed processes left there. Blocking; call it at start-up."""
        scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in scratch.iterdir():
            _remove_unless_held(left)
        return cls(objects, scratch, limits)

    async def unpack(self, tenant: str, digest: str) -> list[FileEntry]:
        blob = await self._objects.stat(tenant, check_digest(digest))
        if blob is None:
            raise NotFound(f"the archive {digest} is not there: put it as a blob first, then repeat")
        if blob.size > self._limits.total:
            raise PayloadTooLarge(f"the archive has {blob.size} bytes, expected at most {self._limits.total}")
        async with self._turns:
            # Not in a thread, whose caller may be cancelled and never learn what to give back: it takes no time.
            directory, lock = _held_directory(self._scratch)
            try:
                await self._objects.materialize(tenant, digest, directory / "archive")
                files = await in_thread(unpack, directory / "archive", directory / "files", self._limits)
                kept = kept_paths([path for path, _ in files])
                return [await self._store(tenant, directory / "files", path, name) for path, name in kept.items()]
            finally:
                await in_thread(_remove, directory, lock)

    async def _store(self, tenant: str, root: Path, path: str, name: str) -> FileEntry:
        async with aclosing(_chunks(root / path)) as content:
            blob = await self._objects.put(tenant, content)
        return FileEntry(path=name, digest=blob.digest, size=blob.size)


def kept_paths(paths: list[str]) -> dict[str, str]:
    """Maps the paths to keep to their names: without files that desktop archivers add, and without the one folder that
    everything lies in."""
    kept = [path for path in paths if not path.startswith("__MACOSX/") and not path.endswith(".DS_Store")] or paths
    tops = {path.partition("/")[0] for path in kept}
    if len(tops) == 1 and all("/" in path for path in kept):
        return {path: path.partition("/")[2] for path in kept}
    return {path: path for path in kept}


async def _chunks(path: Path) -> AsyncGenerator[bytes]:
    with await opened(path.open, "rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk


def _held_directory(scratch: Path) -> tuple[Path, int]:
    """A fresh directory, and the descriptor whose flock says that its process lives."""
    while True:
        directory = scratch / secrets.token_hex(16)
        directory.mkdir(mode=0o700, parents=True)
        lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.fstat(lock).st_nlink:  # a clean-up may have come between making it and locking it
            return directory, lock
        os.close(lock)


def _remove(directory: Path, lock: int) -> None:
    try:
        shutil.rmtree(directory)
    finally:
        os.close(lock)


def _remove_unless_held(directory: Path) -> None:
    try:
        lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return
    _remove(directory, lock)
