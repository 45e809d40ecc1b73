"""The file of the last good snapshot: a full state, then updates; readable by its owner alone.

Bytes: b"BMSL", then records: u32 little-endian length, u32 CRC-32 of what follows, msgpack SnapshotUpdate. The first
step is a full one, which may be several records (`snapshots.parts`). A record that is cut off or damaged ends the file:
what comes before it is an older state, unless it is within the first step.
"""

import asyncio
import logging
import os
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from bms.core.errors import InvalidArgument
from bms.core.serving.snapshot import Entry, EntryName, SnapshotState, SnapshotUpdate, name_of
from bms.protocols.snapshots.kinds import UpdateDecoder
from bms.protocols.snapshots.parts import PartsReader, parts_of

log = logging.getLogger(__name__)
_RECORD = struct.Struct("<II")
_MAGIC = b"BMSL"
_encode = msgspec.msgpack.Encoder().encode
_decoder = UpdateDecoder()
LEAST_APPENDED = 1 << 20  # bytes; a file is written anew when more was appended, and more than it began with


def load_state(path: Path) -> SnapshotState | None:
    """Loads the snapshot; None where there is no file, or one that is damaged or of another version (which the log then
    says)."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    state = _replay(data)
    if state is None:
        log.error("snapshot file %s is damaged: waiting for control to send the state", path)
    return state


def _replay(data: bytes) -> SnapshotState | None:
    parts, entries = PartsReader(), dict[EntryName, Entry]()
    revision, pepper = None, b""
    for record in _records(data):
        try:
            update = parts.feed(_decoder.decode(record))
        except (msgspec.DecodeError, UnicodeDecodeError, InvalidArgument) as error:
            log.error("a step of the snapshot file can't be read: %s", error)
            break
        if update is None:
            continue
        if update.full:
            entries, pepper = {}, update.pepper
        elif revision is None:
            return None
        for name in update.deletes:
            entries.pop(name, None)
        entries.update((name_of(entry), entry) for entry in update.puts)
        revision = update.revision
    if revision is None:
        return None
    return SnapshotState(revision=revision, pepper=pepper, entries=tuple(entries.values()))


def _records(data: bytes) -> Iterator[memoryview]:
    if data[: len(_MAGIC)] != _MAGIC:
        return
    view, at = memoryview(data), len(_MAGIC)
    while at + _RECORD.size <= len(data):
        length, crc = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        record = view[at : at + length]
        if len(record) < length or zlib.crc32(record) != crc:
            return
        yield record
        at += length


def save_state(path: Path, state: SnapshotState) -> int:
    """Writes a full state to another file that then replaces the old one; returns its bytes. Raises OSError; the former
    file is then as it was."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    full = SnapshotUpdate(revision=state.revision, full=True, puts=state.entries, pepper=state.pepper)
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(_MAGIC)
            for part in parts_of(full):  # one at a time, so that the event loop's thread gets its turns
                file.write(_framed(part))
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return size


def append_step(path: Path, step: SnapshotUpdate) -> int:
    """Appends one update to the file; returns the bytes added. Raises OSError; the file may then end in a part of the
    step."""
    data = b"".join(_framed(part) for part in parts_of(step))
    with path.open("ab", buffering=0) as file:
        file.write(data)
        os.fdatasync(file.fileno())
    return len(data)


def _framed(update: SnapshotUpdate) -> bytes:
    body = _encode(update)
    return _RECORD.pack(len(body), zlib.crc32(body)) + body


class StateKeeper:
    """Saves what `state` returns whenever notified of a change, in a thread, at most every `interval_s`: as an update
    appended to the file, and in full when the updates have become larger than that."""

    def __init__(self, path: Path, state: Callable[[], SnapshotState], interval_s: float = 0.1) -> None:
        self._path = path
        self._state = state
        self._interval_s = interval_s
        self._changed = asyncio.Event()
        self._saving = threading.Lock()  # a last save may begin before the thread of the one before has ended
        self._kept: dict[EntryName, Entry] | None = None  # what the file holds; None: not known, or damaged
        self._pepper = b""
        self._began = self._appended = 0  # bytes

    def changed(self) -> None:
        self._changed.set()

    async def run(self) -> None:
        """Saves until cancelled; and a last time if something changed since."""
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
        with self._saving:
            self._save_now()

    def _save_now(self) -> None:
        state = self._state()
        before, self._kept = self._kept, None
        entries = {name_of(entry): entry for entry in state.entries}
        try:
            if before is None or state.pepper != self._pepper or self._appended > max(LEAST_APPENDED, self._began):
                self._began, self._appended = save_state(self._path, state), 0
            else:
                self._appended += append_step(self._path, _step(before, entries, state.revision))
        except OSError as error:
            log.error("the snapshot cannot be saved to %s: %s", self._path, error)
            self._changed.set()
            return
        self._kept, self._pepper = entries, state.pepper


def _step(before: dict[EntryName, Entry], after: dict[EntryName, Entry], revision: int) -> SnapshotUpdate:
    """What to write to get from one to the other; an entry that is the same object has not changed."""
    puts = tuple([entry for name, entry in after.items() if before.get(name) is not entry])
    deletes = tuple([name for name in before if name not in after])
    return SnapshotUpdate(revision=revision, full=False, puts=puts, deletes=deletes)
