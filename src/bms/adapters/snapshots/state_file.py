"""The last good snapshot as a file: replaced whole, checked on reading, readable by its owner alone.

Bytes: b"BMSS", u32 little-endian CRC-32 of what follows, msgpack SnapshotState.
"""

import asyncio
import logging
import os
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from bms.core.snapshot import SnapshotState

log = logging.getLogger(__name__)
_HEADER = struct.Struct("<4sI")
_MAGIC = b"BMSS"
_decoder = msgspec.msgpack.Decoder(SnapshotState)


def load_state(path: Path) -> SnapshotState | None:
    """None where there is no file, or one that is damaged or of another version (which the log then says)."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    if len(data) < _HEADER.size or _HEADER.unpack_from(data) != (_MAGIC, zlib.crc32(data[_HEADER.size :])):
        log.error("snapshot file %s is damaged: waiting for control to send the state", path)
        return None
    try:
        return _decoder.decode(data[_HEADER.size :])
    except msgspec.DecodeError as error:
        log.error("snapshot file %s cannot be read (%s): waiting for control to send the state", path, error)
        return None


def save_state(path: Path, state: SnapshotState) -> None:
    """Raises OSError; the former file is then as it was."""
    body = msgspec.msgpack.encode(state)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(_HEADER.pack(_MAGIC, zlib.crc32(body)) + body)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


class StateKeeper:
    """Saves what `state` gives whenever told that it changed, in a thread, at most every `interval_s`."""

    def __init__(self, path: Path, state: Callable[[], SnapshotState], interval_s: float = 0.1) -> None:
        self._path = path
        self._state = state
        self._interval_s = interval_s
        self._changed = asyncio.Event()

    def changed(self) -> None:
        self._changed.set()

    async def run(self) -> None:
        """Until cancelled; saves a last time if something changed since."""
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                began = time.monotonic()
                await asyncio.to_thread(self._save)
                # a large state takes long to write: never spend more than a tenth of the time on it
                await asyncio.sleep(max(self._interval_s, 10 * (time.monotonic() - began)))
        finally:
            if self._changed.is_set():
                self._save()

    def _save(self) -> None:
        try:
            save_state(self._path, self._state())
        except OSError as error:
            log.error("the snapshot cannot be saved to %s: %s", self._path, error)
            self._changed.set()
