"""Writes logs: to a terminal with control characters made visible, to files and pipes as they are."""

import codecs
import sys
from collections.abc import Callable

from bms.cli.output.visible import visible


def log_writer() -> Callable[[bytes], None]:
    """A function that writes pieces of a log to stdout."""
    if not sys.stdout.isatty():
        return _raw
    shown = Shown()

    def write(piece: bytes) -> None:
        sys.stdout.write(shown.next(piece))
        sys.stdout.flush()

    return write


class Shown:
    """Converts pieces of a log, which end anywhere, to text for a terminal. A lone \\r would write over a line."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""

    def next(self, piece: bytes) -> str:
        text = self._held + self._decoder.decode(piece)
        self._held = "\r" if text.endswith("\r") else ""
        return visible(text.removesuffix("\r").replace("\r\n", "\n"))


def _raw(piece: bytes) -> None:
    sys.stdout.flush()  # what was said before, which waits in another layer where this is no terminal
    sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()
