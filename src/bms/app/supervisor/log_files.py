"""Log files of the platform's processes: the processes append to them, the supervisor truncates them."""

import contextlib
import os
import shutil
from pathlib import Path

from bms.core.workloads.resources import size_text

LIMIT = 16 << 20  # bytes of a file before it is moved to `.1`; so each process keeps at most twice that
TAIL = 4096
NODE_AGENT = "node-agent.log"


def open_log(path: Path) -> int:
    """A descriptor to hand to a process; it survives the supervisor, unlike a pipe."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def cap(path: Path, limit: int = LIMIT) -> bool:
    """Moves the content to `<path>.1` once it is over `limit` bytes, and leaves a line that says so; True if it did.

    The file is copied and emptied, not renamed: its writers go on appending to the same one. What they write
    between the two is lost, which is why the limit is large.
    """
    try:
        size = path.stat().st_size
        if size <= limit:
            return False
    except FileNotFoundError:
        return False
    old = path.with_name(path.name + ".1")
    try:
        shutil.copyfile(path, old)
        old.chmod(0o600)
        where = f"are in {old.name}, and what that held is gone"
    except OSError as error:
        old.unlink(missing_ok=True)  # a full disk: to go on matters more than to remember
        where = f"could not be kept ({error})"
    os.truncate(path, 0)
    with contextlib.suppress(OSError), path.open("ab") as file:
        file.write(f"[the {size_text(size)} before this line {where}]\n".encode())
    return True


def tail(path: Path, start: int = 0, size: int = TAIL) -> str:
    """The last lines of what was written after byte `start`, at most about `size` bytes."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            begin = max(start, end - size) if start <= end else max(0, end - size)
            file.seek(begin)
            text = file.read(size).decode(errors="replace")
    except FileNotFoundError:
        return ""
    whole = text if begin in (0, start) else text.partition("\n")[2]
    return whole.strip()
