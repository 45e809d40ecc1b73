"""A cache of trees on the local disk: ROOT/<tenant>/<64 hex digits>/…, written aside, then renamed into place,
read-only.

Where no workload can change a file, they are links to the objects' own, in …/<64 hex digits>.linked/.
"""

import asyncio
import errno
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from bms.control.platform.objects import BlobStore
from bms.control.platform.trees import materialize_tree
from bms.core.cancellation import in_thread
from bms.core.digest import check_digest
from bms.core.ids import check_name

_BUILDING = ".building"
_LINKED = ".linked"


class LocalTreeCache:
    """The `TreeCache` of one machine. Several processes may share a root."""

    def __init__(self, root: Path, objects: BlobStore, *, links: bool = False) -> None:
        self._root = root
        self._objects = objects
        self.links = links
        """Whether files may be the objects' own: only where no workload can change any."""
        self._locks: dict[Path, asyncio.Lock] = {}

    @classmethod
    def open(cls, root: Path, objects: BlobStore, *, links: bool = False) -> "LocalTreeCache":
        """Creates `root` and removes what killed processes left half written. Blocking; call it at start-up."""
        building = root / _BUILDING
        building.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in building.glob("*.lock"):
            with left.open("rb") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue  # its process lives
                _remove(left.with_suffix(""))
                left.unlink(missing_ok=True)
        return cls(root, objects, links=links)

    async def path(self, tenant: str, digest: str) -> str:
        target = self._path(tenant, digest, linked=self.links)
        if await asyncio.to_thread(_touched, target):
            return str(target)
        try:
            async with self._locks.setdefault(target, asyncio.Lock()):
                if not await asyncio.to_thread(_touched, target):
                    await self._build(tenant, digest, target)
        finally:
            self._locks.pop(target, None)
        return str(target)

    async def prune(
        self, keep: Iterable[tuple[str, str]], spared_s: float, *, tenant: str | None = None
    ) -> list[tuple[str, str]]:
        kept = {self._path(owner, digest, linked=linked) for owner, digest in keep for linked in (False, True)}
        below = "*" if tenant is None else check_name("tenant", tenant)
        return await asyncio.to_thread(self._prune, kept, below, time.time() - spared_s)

    def _path(self, tenant: str, digest: str, *, linked: bool) -> Path:
        name = check_digest(digest).removeprefix("sha256:")
        return self._root / check_name("tenant", tenant) / (name + _LINKED if linked else name)

    async def _build(self, tenant: str, digest: str, target: Path) -> None:
        aside = self._root / _BUILDING / secrets.token_hex(16)
        # Not in a thread, whose caller may be cancelled and never learn what to give back: it is a file of our own.
        with _Held(aside.with_suffix(".lock")):
            try:
                await in_thread(aside.mkdir, mode=0o700)
                await materialize_tree(self._objects, tenant, digest, aside, shared=self.links)
                await in_thread(_publish, aside, target)
            finally:
                await in_thread(_discard, aside)

    def _prune(self, kept: set[Path], below: str, before: float) -> list[tuple[str, str]]:
        removed = []
        for path in self._root.glob(f"{below}/*"):
            if path.parent.name == _BUILDING or path in kept or path.stat().st_mtime > before:
                continue
            aside = self._root / _BUILDING / secrets.token_hex(16)
            with _Held(aside.with_suffix(".lock")):
                path.chmod(0o700)
                path.rename(aside)  # gone for readers at once, not file by file
                _discard(aside)
            removed.append((path.parent.name, f"sha256:{path.name.removesuffix(_LINKED)}"))
        return removed


class _Held:
    """A lock file that is held while its process lives."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _touched(target: Path) -> bool:
    """Whether it is there; whoever asks uses it from now on."""
    try:
        os.utime(target)
    except FileNotFoundError:
        return False
    return True


def _publish(aside: Path, target: Path) -> None:
    """Makes the files durable and read-only, then visible all at once. Another process may have been first."""
    for parent, _, files in os.walk(aside, topdown=False):
        for name in files:
            with open(Path(parent) / name, "rb") as file:
                os.fchmod(file.fileno(), 0o400)
                os.fsync(file.fileno())
        if Path(parent) != aside:
            os.chmod(parent, 0o500)
    target.parent.mkdir(exist_ok=True, mode=0o700)
    try:
        aside.rename(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return
    os.chmod(target, 0o500)


def _discard(aside: Path) -> None:
    _remove(aside)
    aside.with_suffix(".lock").unlink(missing_ok=True)


def _remove(directory: Path) -> None:
    """Removes a tree whose directories are read-only."""
    if not directory.is_dir():
        return
    for parent, _, _ in os.walk(directory):
        os.chmod(parent, 0o700)
    shutil.rmtree(directory)
