"""Homes that have, before their platform starts, what every first start puts there: nothing but time is saved.

Compiling the slim part and making the schema is half of what a first start computes; here both are done once per
process and copied or linked. Environments are built once for all homes.
"""

import asyncio
import contextlib
import functools
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bms
from bms.adapters.environments.slim import place
from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.database.migrate import upgrade
from bms.app.home.directory import Home
from tests.framework_env import cache_folder

PACKAGE = Path(bms.__file__).parent


def prepare(home: Path, *, shared: bool = True) -> None:
    """Puts it into `home`, new or known. `shared`: environments that are built there are for the homes of other tests,
    too; not where a test removes any."""
    Home(home).prepare()
    if shared:
        _share_environments(home)
    place_slim_part(home)
    if not (home / "bms.db").exists():
        with _for_owner_alone():
            shutil.copyfile(Path(_made().name, "bms.db"), home / "bms.db")


def prepare_node(home: Path) -> None:
    """The same for the home of a node agent, which has no database."""
    Home(home).prepare()
    _share_environments(home)
    place_slim_part(home)


def place_slim_part(home: Path) -> None:
    """That alone: its files are those of all other homes, since nobody changes them."""
    for path in Path(_made().name, "slim").iterdir():
        if not (home / "slim" / path.name).exists():
            shutil.copytree(path, home / "slim" / path.name, copy_function=os.link)


def _share_environments(home: Path) -> None:
    """Those that are built below `home` are kept for other tests: a large one takes longer than all they ask."""
    kept = cache_folder() / "environments-of-platforms"
    kept.mkdir(mode=0o700, exist_ok=True)
    if not (home / "environments").is_symlink():
        (home / "environments").rmdir()
        (home / "environments").symlink_to(kept)


@functools.cache
def _made() -> "tempfile.TemporaryDirectory[str]":
    folder = tempfile.TemporaryDirectory(prefix="bms-home-")
    with _for_owner_alone(), ThreadPoolExecutor(1) as aside:  # the caller's thread may have a loop already
        place(PACKAGE, Path(folder.name, "slim"))
        aside.submit(asyncio.run, _migrate(f"sqlite:///{folder.name}/bms.db")).result()
    return folder


@contextlib.contextmanager
def _for_owner_alone() -> Iterator[None]:
    """Files are made as the platform's processes make them."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


async def _migrate(url: str) -> None:
    database = Database(url)
    try:
        await upgrade(database)
    finally:
        await database.close()
