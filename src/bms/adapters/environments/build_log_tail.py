"""A build's log: for the task that started it, while it is written; for others that wait for it; and for later
readers."""

from collections.abc import Callable
from pathlib import Path

PIECE = 1 << 20  # bytes


class BuildFollower:
    """Passes on the new lines of a build that another process runs, each time it is called. `waited`: it was called."""

    def __init__(self, log: Path, tell: Callable[[str], None] | None) -> None:
        self._log = log
        self._tell = tell
        self._offset = 0
        self._rest = b""
        self.waited = False

    def __call__(self) -> None:
        if self._tell is None:
            self.waited = True
            return
        if not self.waited:
            self._tell("this environment is already being built; the build's log:")
        self.waited = True
        if _size(self._log) < self._offset:  # what was read was of the build before, whose log is begun anew
            self._offset, self._rest = 0, b""
        piece = read_piece(self._log, self._offset, PIECE)
        self._offset += len(piece)
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            self._tell(line.decode(errors="replace"))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def read_piece(path: Path, offset: int, limit: int) -> bytes:
    """At most `limit` bytes from `offset` on; empty where there are none."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(limit)
    except FileNotFoundError:
        return b""
