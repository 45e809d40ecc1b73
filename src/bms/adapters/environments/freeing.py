"""Removes folders whose files may be hard-linked elsewhere, and counts the bytes really freed."""

import os
import shutil
from collections import Counter
from pathlib import Path


def freed_by_removing(folder: Path) -> int:
    """Removes a folder; returns the disk bytes of those files that had no other name."""
    names: Counter[tuple[int, int]] = Counter()
    found: dict[tuple[int, int], os.stat_result] = {}
    for parent, _, files in os.walk(folder):
        for name in files:
            seen = os.lstat(os.path.join(parent, name))
            file = (seen.st_dev, seen.st_ino)
            names[file] += 1
            found[file] = seen
    shutil.rmtree(folder)
    return sum(on_disk(seen) for file, seen in found.items() if names[file] == seen.st_nlink)


def on_disk(seen: os.stat_result) -> int:
    """The bytes that a file takes on the disk."""
    return seen.st_blocks * 512
