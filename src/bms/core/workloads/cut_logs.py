"""The note at the beginning of a truncated log: how many bytes are gone, so that offsets count from its first byte."""

import re
from typing import NamedTuple

from bms.core.workloads.resources import size_text

LONGEST_NOTE = 160  # bytes, what it is filled up with left out
_NOTE = re.compile(
    rb"(\[log over [0-9A-Za-z. ]{1,20}: its first (\d{1,18}) bytes were removed here)"
    rb"(?:; it goes on at byte (\d{1,18}) of this file)?\]"
)


class LogStart(NamedTuple):
    """The beginning of a log: the note for its reader; where in the file the rest is; the number of bytes that were cut
    off."""

    note: bytes
    begin: int
    gone: int


UNCUT = LogStart(b"", 0, 0)


def note_of(limit: int, gone: int, begin: int | None = None) -> bytes:
    """Returns the note for a log of which `gone` bytes were cut off since it grew over `limit` bytes; `begin` is where
    in the file it goes on, behind this line by default."""
    where = "" if begin is None else f"; it goes on at byte {begin} of this file"
    return f"[log over {size_text(limit)}: its first {gone} bytes were removed here{where}]\n".encode()


def start_of(head: bytes, size: int) -> LogStart:
    """Parses the first bytes, at least `LONGEST_NOTE` if there are as many, of a log of `size` bytes. Who writes a log
    may write such a line, too: one that leads beyond the end is none."""
    found = _NOTE.match(head)
    begin = int(found[3]) if found and found[3] else 0
    if not found or begin > size:
        return UNCUT
    return LogStart(found[1] + b"]\n", begin or found.end() + 1, int(found[2]))
