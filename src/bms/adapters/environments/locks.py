"""File locks of environments: exclusive for building and removing one, shared for looking it up."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

LOCK_POLL_S = 0.05


@asynccontextmanager
async def locked(path: Path, waiting: Callable[[], None] = lambda: None) -> AsyncIterator[int]:
    """Holds the lock at `path` exclusively, against other tasks of this process too; gives its descriptor.

    `waiting` is called now and then while somebody else has it. It is free when every copy of the descriptor is
    closed: a uv that outlives its killed starter keeps it.
    """
    async with _held(path, fcntl.LOCK_EX, waiting) as descriptor:
        yield descriptor


@asynccontextmanager
async def shared(path: Path) -> AsyncIterator[None]:
    """Holds the lock shared: against exclusive holders."""
    async with _held(path, fcntl.LOCK_SH, lambda: None):
        yield


def free(path: Path) -> bool:
    """Whether nobody holds the lock exclusively now."""
    descriptor = _open(path)
    try:
        return _try(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


@asynccontextmanager
async def _held(path: Path, kind: int, waiting: Callable[[], None]) -> AsyncIterator[int]:
    descriptor = _open(path)
    try:
        while not _try(descriptor, kind):
            waiting()
            await asyncio.sleep(LOCK_POLL_S)  # the holder may be another process, which sets no event
        yield descriptor
    finally:
        os.close(descriptor)


def try_lock(path: Path) -> int | None:
    """Takes the lock exclusively until the returned descriptor is closed; None where somebody else has it."""
    descriptor = _open(path)
    if _try(descriptor, fcntl.LOCK_EX):
        return descriptor
    os.close(descriptor)
    return None


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
