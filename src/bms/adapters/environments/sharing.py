"""Shares identical files between environments: one copy on the disk, hard-linked into each of them.

Environments of one platform have most of their packages in common, and byte code takes as much as source. Files are
known by their content alone, so that no package can pass for another, and byte code is of our own making. Only where
workloads have a read-only view of files: elsewhere one environment's code could change the others'
(docs/decisions/0022).
"""

import errno
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from bms.adapters.environments.freeing import on_disk

TESTS = r"/tests?/"  # of a package, in paths within an environment: nobody imports them who serves or trains
_NOT_LINKED = frozenset({errno.EMLINK, errno.ENOENT, errno.EXDEV, errno.EPERM})


class SharedFiles:
    """The shared files of one home's environments by their content, in `folder`, which must be on their disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, lib: Path) -> dict[str, str]:
        """Replaces files below `lib`, an environment's packages, by shared ones of the same content, and adds the byte
        code that was made of them. What is now known by which name: of all files by their paths within `lib`."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        names = {}
        for path in _files(str(lib)):
            name = names[os.path.relpath(path, lib)] = _name(path)
            if _exchange(path, self._at(name)) and path.endswith(".py"):
                code = byte_code(path)
                os.makedirs(os.path.dirname(code), exist_ok=True)
                _link(self._at(f"{name}.{_version(path)}"), code)
        return names

    def give(self, lib: Path, names: dict[str, str]) -> None:
        """Shares files with later environments, by what `take` returned; call when they are safe on the disk."""
        for inner, name in names.items():
            path, known = os.path.join(lib, inner), self._at(name)
            if not os.path.exists(known):
                os.makedirs(os.path.dirname(known), mode=0o700, exist_ok=True)
                _link(path, known)
            if path.endswith(".py") and os.path.exists(code := byte_code(path)):
                known_code = self._at(f"{name}.{_version(path)}")
                # Byte code holds its source's time: it is only that file's.
                if not os.path.exists(known_code) and os.path.exists(known) and os.path.samefile(known, path):
                    _link(code, known_code)

    def sweep(self) -> int:
        """Removes files that no environment uses any more; returns the bytes freed."""
        freed = 0
        for path in _files(str(self._folder)):
            if (seen := os.stat(path)).st_nlink == 1:
                os.unlink(path)
                freed += on_disk(seen)
        return freed

    def _at(self, name: str) -> str:
        return f"{self._folder}/{name[:2]}/{name}"


def remove_byte_code(lib: Path) -> None:
    """Removes byte code that wheels brought beside their sources. Byte code is not what its source says unless we made
    it: it would run in that one's place, here and wherever the source is shared."""
    for parent, folders, _ in os.walk(lib):
        if "__pycache__" in folders:
            folders.remove("__pycache__")
            shutil.rmtree(os.path.join(parent, "__pycache__"))


def uncompiled(lib: Path) -> tuple[int, list[str]]:
    """Counts the sources in an environment's packages, and lists those without byte code. Tests are left out."""
    inside = len(str(lib))
    sources = [path for path in _files(str(lib)) if path.endswith(".py") and not re.search(TESTS, path[inside:])]
    return len(sources), [path for path in sources if not os.path.exists(byte_code(path))]


def byte_code(source: str) -> str:
    """The path at which the interpreter of the environment that `source` is in looks for its byte code."""
    folder, name = os.path.split(source)
    return f"{folder}/__pycache__/{name.removesuffix('.py')}.{_version(source)}.pyc"


def _version(path: str) -> str:
    """Of an environment's interpreter, as byte code's names have it: "cpython-311" for …/lib/python3.11/…"""
    minor = path.rpartition("/lib/python3.")[2].partition("/")[0]
    return f"cpython-3{minor}"


def _files(folder: str) -> Iterator[str]:
    """Regular files that have content."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = f"{parent}/{name}"
            seen = os.lstat(path)
            if stat.S_ISREG(seen.st_mode) and seen.st_size:
                yield path


def _name(path: str) -> str:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return f"{digest}-{stat.S_IMODE(os.fstat(file.fileno()).st_mode):o}"


def _exchange(path: str, known: str) -> bool:
    """Whether `path` is now the file `known`; it stays as it is where that can't be."""
    if not _link(known, beside := f"{path}.link"):
        return False
    os.replace(beside, path)
    return True


def _link(there: str, here: str) -> bool:
    """Whether `here` is now another name of the file `there`, or was there already."""
    try:
        os.link(there, here)
    except FileExistsError:
        pass
    except OSError as error:
        if error.errno in _NOT_LINKED:
            return False
        raise
    return True
