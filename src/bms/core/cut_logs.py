"""The line with which a log begins that was cut: how many bytes are gone, so that places count from its first one."""

import re
from typing import NamedTuple

from bms.core.resources import size_text

LONGEST_NOTE = 100  # bytes
_NOTE = re.compile(rb"\[log over [0-9A-Za-z. ]{1,20}: its first (\d{1,18}) bytes were removed here\]\n")


class Start(NamedTuple):
    """How a log begins: `note` bytes of the line, `gone` bytes that were cut off."""

    note: int
    gone: int


def note_of(limit: int, gone: int) -> bytes:
    """The line for a log of which `gone` bytes were cut off since it grew over `limit` bytes."""
    return f"[log over {size_text(limit)}: its first {gone} bytes were removed here]\n".encode()


def start_of(head: bytes) -> Start:
    """What the log's first bytes, at least `LONGEST_NOTE` if there are as many, say."""
    found = _NOTE.match(head)
    return Start(found.end(), int(found[1])) if found else Start(0, 0)
