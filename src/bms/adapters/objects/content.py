"""Shared by all stores: chunk sizes, verified copies of content, and refusals."""

import errno
import hashlib
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bms.core.errors import DataLoss, InvalidArgument, ResourceExhausted

CHUNK = 1 << 20  # bytes moved per step; large enough that a thread's start is nothing beside it
_FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file-size limit",
}


def differs(expected: str, actual: str, size: int) -> InvalidArgument:
    return InvalidArgument(
        f"the {size} bytes received have digest {actual}, not the expected {expected}: "
        "nothing was kept; check the file and send it again"
    )


@contextmanager
def room_for(doing: str) -> Iterator[None]:
    """Turns an OSError that means "no room" into ResourceExhausted; lets any other through."""
    try:
        yield
    except OSError as error:
        why = _FULL.get(error.errno or 0)
        if why is None:
            raise
        raise ResourceExhausted(
            f"no room while {doing}: {why}; nothing was kept. Free some space and repeat"
        ) from error


def checked_offset(offset: int, size: int, digest: str) -> int:
    if not 0 <= offset <= size:
        raise InvalidArgument(f"offset {offset} lies outside blob {digest} of {size} bytes")
    return offset


def verified(chunks: Iterator[bytes], digest: str, target: Path, stop: threading.Event) -> bool:
    """Whether `chunks`, which are to become `target`, match `digest`; False once `stop` is set. Raises DataLoss."""
    running = hashlib.sha256()
    for chunk in chunks:
        if stop.is_set():
            return False
        running.update(chunk)
    if digest != "sha256:" + running.hexdigest():
        raise DataLoss(f"blob {digest} no longer matches its digest; it was not copied to {target.name}")
    return True


def write_copy(chunks: Iterator[bytes], digest: str, target: Path, stop: threading.Event | None = None) -> None:
    """Writes `chunks` to `target`, which appears, or is replaced, only when the whole matches `digest`.

    Blocking; ends early, leaving nothing, once `stop` is set. Raises DataLoss, ResourceExhausted.
    """
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    running = hashlib.sha256()
    try:
        with room_for(f"copying a blob to {target.name}"):
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
                for chunk in chunks:
                    if stop is not None and stop.is_set():
                        return
                    running.update(chunk)
                    file.write(chunk)
            if digest != "sha256:" + running.hexdigest():
                raise DataLoss(f"blob {digest} no longer matches its digest; it was not copied to {target.name}")
            part.replace(target)
    finally:
        part.unlink(missing_ok=True)
