"""Environments built by uv, below HOME/environments, each under its digest, shared by whatever asks for the same."""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from bms.adapters.environments import building, slim
from bms.adapters.environments.installer import settings
from bms.adapters.environments.recipe import platform_digest, recipe
from bms.control.platform.environments import Environment, EnvironmentSpec

BUILD_PATIENCE_S = 1800.0


class UvEnvironments:
    """The `Environments` of one home. `environ` is where uv's and pip's settings (indexes, proxies) are read from.

    HOME/environments holds, per environment: DIGEST/ (complete), DIGEST.log (what its last build said),
    locks/DIGEST, and while it is built DIGEST.building-PID/. Requirements are installed from wheels only.
    """

    def __init__(self, home: Path, environ: Mapping[str, str], patience_s: float = BUILD_PATIENCE_S) -> None:
        self._folder = home.resolve() / "environments"
        self._slim_folder = home.resolve() / "slim"
        self._settings = settings(environ)
        self._patience_s = patience_s
        self._slim_path: str | None = None

    async def ensure(self, spec: EnvironmentSpec, log: Callable[[str], None] | None = None) -> Environment:
        wanted = recipe(spec)
        if wanted is None:
            return Environment(digest=platform_digest(), python=sys.executable)
        target = self._target(wanted.digest)
        if found := building.read(target):
            return found
        async with self._locked(target) as lock:
            if found := building.read(target):
                return found
            with target.with_name(f"{target.name}.log").open("w", buffering=1) as kept:

                def tell(line: str) -> None:
                    kept.write(line + "\n")
                    if log:
                        log(line)

                return await building.build(wanted, target, self._settings, tell, lock, patience_s=self._patience_s)

    async def built(self) -> list[Environment]:
        return await asyncio.to_thread(self._built)

    async def prune(self, keep: frozenset[str]) -> list[Environment]:
        """Also removes what interrupted builds left. One that is being built is left alone."""
        removed = []
        for environment in await self.built():
            if environment.digest not in keep:
                target = self._target(environment.digest)
                async with self._locked(target):
                    await asyncio.to_thread(_remove, target)
                removed.append(environment)
        await asyncio.to_thread(self._remove_unfinished)
        return removed

    def slim_path(self) -> str:
        """Copies the slim part when first asked."""
        if self._slim_path is None:
            self._slim_path = str(slim.place(Path(__file__).parents[2], self._slim_folder))
        return self._slim_path

    def _target(self, digest: str) -> Path:
        return self._folder / digest.removeprefix("sha256:")

    def _locked(self, target: Path) -> AbstractAsyncContextManager[int]:
        locks = self._folder / "locks"
        locks.mkdir(parents=True, exist_ok=True, mode=0o700)
        return building.locked(locks / target.name)

    def _built(self) -> list[Environment]:
        targets = sorted(path.parent for path in self._folder.glob("*/environment.json") if "." not in path.parent.name)
        return [found for target in targets if (found := building.read(target))]

    def _remove_unfinished(self) -> None:
        for unfinished in list(self._folder.glob("*.building-*")) + list(self._folder.glob("*.removing-*")):
            target = unfinished.with_name(unfinished.name.partition(".")[0])
            lock = os.open(self._folder / "locks" / target.name, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                if building.try_lock(lock):
                    shutil.rmtree(unfinished)
            finally:
                os.close(lock)


def _remove(target: Path) -> None:
    """Renamed first, so that it is gone at once; half an environment must never look built."""
    removing = target.with_name(f"{target.name}.removing-{os.getpid()}")
    target.rename(removing)
    shutil.rmtree(removing)
    target.with_name(f"{target.name}.log").unlink(missing_ok=True)
