"""Measures the disk usage of workloads' directories, now and then."""

import os
import stat
import time
from pathlib import Path

_SHARE = 50  # a look is followed by so many times what it took without one
_BLOCK = 512  # bytes of st_blocks, whatever the file system


class DiskUsage:
    """The last measured size of each directory; large trees are measured more seldom."""

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[int, float]] = {}  # bytes, when to look again

    def of(self, directory: Path) -> int:
        """The directory's size in bytes, measured now if that is due."""
        now = time.monotonic()
        used, due = self._seen.get(directory, (0, 0.0))
        if now >= due:
            used = size(directory)
            took = time.monotonic() - now
            self._seen[directory] = used, now + (1 + _SHARE) * took
        return used

    def due(self, directory: Path) -> bool:
        """Whether `of` would measure it now."""
        return time.monotonic() >= self._seen.get(directory, (0, 0.0))[1]

    def forget(self, directory: Path) -> None:
        self._seen.pop(directory, None)


def size(directory: Path) -> int:
    """The bytes on disk of a directory's content; links are not followed, a file with several names counts once."""
    total, several, waiting = 0, set[tuple[int, int]](), [str(directory)]
    while waiting:
        try:
            entries = list(os.scandir(_opened(waiting.pop())))
        except OSError:  # gone meanwhile
            continue
        for entry in entries:
            try:
                found = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISDIR(found.st_mode):
                waiting.append(entry.path)
            elif found.st_nlink > 1:
                if (found.st_dev, found.st_ino) in several:
                    continue
                several.add((found.st_dev, found.st_ino))
            total += found.st_blocks * _BLOCK
    return total


def _opened(directory: str) -> str:
    """`directory`, which may be listed from now on: nothing is hidden by taking one's own right to read away."""
    if not os.access(directory, os.R_OK | os.X_OK):
        held = os.open(directory, os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY)
        try:
            os.chmod(f"/proc/self/fd/{held}", 0o700)
        finally:
            os.close(held)
    return directory
