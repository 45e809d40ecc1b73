"""Environments built by uv, below HOME/environments, each under its digest, shared by all specs of that digest."""

import asyncio
import contextlib
import errno
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bms.adapters.environments import building, slim
from bms.adapters.environments.build_log_tail import BuildFollower, read_piece
from bms.adapters.environments.freeing import freed_by_removing
from bms.adapters.environments.installer import settings
from bms.adapters.environments.locks import free, locked, shared, try_lock
from bms.adapters.environments.recipe import EnvironmentRecipe, platform_digest, recipe
from bms.adapters.environments.sharing import SharedFiles
from bms.adapters.environments.sources import PackageSources, with_sources
from bms.control.platform.environments import Environment, EnvironmentState, Needed, Removed
from bms.core.cancellation import in_thread
from bms.core.digest import check_digest
from bms.core.errors import FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted
from bms.core.workloads.environments import EnvironmentSpec

BUILD_PATIENCE_S = 1800.0
_FULL = (errno.ENOSPC, errno.EDQUOT)


class UvEnvironments:
    """The `Environments` of one home. `environ` is where uv's and pip's settings (indexes, proxies) are read from;
    `sources`, the operator's settings, take precedence.

    HOME/environments holds, per environment: DIGEST/ (complete; lock.txt is what it was installed from), DIGEST.log
    (what its last build said), DIGEST.failed (why that failed), locks/DIGEST, and while it is built
    DIGEST.building-PID/; files/ has what several of them hold. Packages are installed from wheels only.
    """

    def __init__(
        self,
        home: Path,
        environ: Mapping[str, str],
        patience_s: float = BUILD_PATIENCE_S,
        sources: PackageSources | None = None,
    ) -> None:
        self._folder = home.resolve() / "environments"
        self._slim_folder = home.resolve() / "slim"
        self._settings = settings(environ)
        self._sources = sources or PackageSources()
        self._patience_s = patience_s
        self._files = SharedFiles(self._folder / "files")
        self.links = False
        """Whether environments may share files: only where no workload can change any. Those that do are built again
        where they may not."""
        self._slim_path: str | None = None

    async def ensure(self, spec: EnvironmentSpec, log: Callable[[str], None] | None = None) -> Environment:
        wanted = recipe(spec)
        if wanted is None:
            return Environment(digest=platform_digest(), python=sys.executable)
        target = self._target(wanted.digest)
        if found := await self._present(target):
            return found
        following = BuildFollower(self._log(target), log)
        async with locked(self._lock(target), following) as lock:
            if following.waited:
                following()
            if found := self._usable(target):
                return found
            if following.waited and (failure := read_piece(self._failed(target), 0, 1 << 16)):
                raise FailedPrecondition(failure.decode(errors="replace"))
            try:
                return await self._build(wanted, target, log, lock)
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                raise ResourceExhausted(
                    "the environment can't be built: the disk of the platform's home is full; make room, or remove "
                    "unused environments with `bms environment prune`"
                ) from error

    def digest(self, spec: EnvironmentSpec) -> str | None:
        wanted = recipe(spec)
        return None if wanted is None else wanted.digest

    async def digests(self, specs: Sequence[EnvironmentSpec]) -> list[str | None]:
        return [_digest_of(spec) for spec in specs]

    async def built(self) -> list[Environment]:
        return await asyncio.to_thread(self._built)

    async def state(self, digest: str) -> EnvironmentState:
        target = self._target(digest)
        if building.read(target):
            return "built"
        if not free(self._lock(target)):
            return "building"
        return "failed" if self._failed(target).exists() else "absent"

    async def lock(self, digest: str) -> str:
        try:
            return await asyncio.to_thread((self._target(digest) / "lock.txt").read_text)
        except FileNotFoundError:
            raise NotFound(f"environment {digest} is not built, or was before lock files were kept") from None

    async def log(self, digest: str, offset: int, limit: int) -> bytes:
        return await asyncio.to_thread(read_piece, self._log(self._target(digest)), offset, limit)

    async def prune(self, needed: Needed) -> Removed:
        """Removes environments that are not needed, and what interrupted and failed builds left. One that is being
        built is left alone."""
        removed, freed = [], 0
        keep = await needed()
        for environment in await self.built():
            target = self._target(environment.digest)
            if environment.digest in keep:
                continue
            async with locked(self._lock(target)):
                if environment.digest not in await needed() and building.read(target):
                    freed += await in_thread(_remove, target)
                    self._log(target).unlink(missing_ok=True)
                    removed.append(environment)
        freed += await in_thread(self._remove_left, keep)
        freed += await in_thread(self._files.sweep)
        return Removed(environments=tuple(removed), freed=freed)

    def slim_path(self) -> str:
        """The path of the slim part, which is copied when first asked for."""
        if self._slim_path is None:
            self._slim_path = str(slim.place(Path(__file__).parents[2], self._slim_folder))
        return self._slim_path

    async def _present(self, target: Path) -> Environment | None:
        """Under the lock, so that what is found is not being removed: see `prune`."""
        if not target.exists():
            return None
        async with shared(self._lock(target)):
            return self._usable(target)

    def _usable(self, target: Path) -> Environment | None:
        found = building.read(target)
        return None if found is None or (found.linked and not self.links) else found

    async def _build(
        self, wanted: EnvironmentRecipe, target: Path, log: Callable[[str], None] | None, lock: int
    ) -> Environment:
        environment = with_sources(self._settings, self._sources, wanted.index)
        self._failed(target).unlink(missing_ok=True)
        if target.exists():  # built where files could be shared
            await in_thread(_remove, target)
        files = self._files if self.links else None
        with self._log(target).open("w", buffering=1) as kept:

            def tell(line: str) -> None:
                kept.write(line + "\n")
                if log:
                    log(line)

            try:
                return await building.build(
                    wanted, target, environment, tell, lock, patience_s=self._patience_s, files=files
                )
            except FailedPrecondition as error:
                with contextlib.suppress(OSError):  # a full disk: then those who wait try for themselves
                    self._failed(target).write_text(error.message)
                raise

    def _target(self, digest: str) -> Path:
        return self._folder / check_digest(digest).removeprefix("sha256:")

    def _lock(self, target: Path) -> Path:
        return self._folder / "locks" / target.name

    def _log(self, target: Path) -> Path:
        return target.with_name(f"{target.name}.log")

    def _failed(self, target: Path) -> Path:
        return target.with_name(f"{target.name}.failed")

    def _built(self) -> list[Environment]:
        targets = sorted(path.parent for path in self._folder.glob("*/environment.json") if "." not in path.parent.name)
        return [found for target in targets if (found := building.read(target))]

    def _remove_left(self, keep: frozenset[str]) -> int:
        """What interrupted builds and removals left, and the errors of failed builds that are not needed any more;
        returns the bytes freed."""
        freed = 0
        for left in [path for path in self._folder.iterdir() if "." in path.name] if self._folder.is_dir() else []:
            target = left.with_name(left.name.partition(".")[0])
            if left.suffix in (".log", ".failed") and (f"sha256:{target.name}" in keep or target.exists()):
                continue
            lock = try_lock(self._lock(target))
            if lock is None:
                continue
            try:
                if left.is_dir():
                    freed += freed_by_removing(left)
                elif not target.exists():
                    left.unlink(missing_ok=True)
            finally:
                os.close(lock)
        return freed


def _digest_of(spec: EnvironmentSpec) -> str | None:
    try:
        wanted = recipe(spec)
    except InvalidArgument:
        return None
    return None if wanted is None else wanted.digest


def _remove(target: Path) -> int:
    """Bytes that it freed. Renamed first, so that it is gone at once; half an environment must never look built."""
    removing = target.with_name(f"{target.name}.removing-{os.getpid()}")
    target.rename(removing)
    return freed_by_removing(removing)
