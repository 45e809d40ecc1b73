"""Enforces the rules of names and sizes on every entry of an archive."""

import os
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bms.adapters.objects.content import CHUNK, room_for
from bms.core.errors import InvalidArgument, PayloadTooLarge

_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Sizes in bytes. Unpacked bytes may exceed the archive's `ratio`-fold only up to `always_allowed`."""

    entries: int = 100_000
    total: int = 16 << 30
    ratio: int = 200
    always_allowed: int = 64 << 20
    name: int = 255
    path: int = 1024
    depth: int = 32


class Unpacked(NamedTuple):
    """A regular file: its path below the target, with '/', and its size in bytes."""

    path: str
    size: int


class Extraction:
    """The extraction of one archive into `target`. Every entry passes here, in the archive's order."""

    def __init__(self, target: Path, archive_size: int, limits: Limits) -> None:
        self.files: list[Unpacked] = []
        self.limits = limits
        self._target = target
        self._allowed = min(limits.total, max(limits.always_allowed, limits.ratio * archive_size))
        self._taken = 0
        self._entries = 0
        self._kinds: dict[str, str] = {}  # every path so far -> "file" or "directory"
        self._spelled: dict[str, str] = {}  # the same, folded -> as spelled

    def declare(self, entries: int, size: int) -> None:
        """Checks an entry's declared name and size, before anything is written."""
        self._check_entries(entries)
        self._check_size(size, "declares")

    def directory(self, name: str) -> None:
        self._check_entries(self._entries + 1)
        self._entries += 1
        parts = self._parts(name)
        if parts:
            self._claim(parts, "directory")
            with room_for("unpacking"):
                self._target.joinpath(*parts).mkdir(mode=0o700, parents=True, exist_ok=True)

    def file(self, name: str, declared: int, read: Callable[[int], bytes]) -> None:
        """Writes one file from `read(n)`, which answers at most n bytes and b"" at the end."""
        self._check_entries(self._entries + 1)
        self._entries += 1
        self._check_size(self._taken + declared, "declares")
        parts = self._parts(name)
        if not parts:
            raise InvalidArgument(f"the archive has a file without a name ({_shown(name)})")
        self._claim(parts, "file")
        path = self._target.joinpath(*parts)
        size = 0
        with room_for("unpacking"):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(path, flags, 0o600), "wb") as file:
                while chunk := read(CHUNK):
                    size += len(chunk)
                    self._check_size(self._taken + size, "unpacks to")
                    file.write(chunk)
        if size != declared:
            raise InvalidArgument(f"{_shown(name)} declares {declared} bytes but holds {size}: the archive is damaged")
        self._taken += size
        self.files.append(Unpacked("/".join(parts), size))

    def _check_entries(self, entries: int) -> None:
        if entries > self.limits.entries:
            raise PayloadTooLarge(f"the archive has more than {self.limits.entries} entries, the most allowed")

    def _check_size(self, size: int, verb: str) -> None:
        if size > self._allowed:
            raise PayloadTooLarge(
                f"the archive {verb} {size} bytes or more, over the {self._allowed} allowed for one of its size "
                f"(at most {self.limits.total}, and {self.limits.ratio} times the archive)"
            )

    def _parts(self, name: str) -> list[str]:
        problem = self._problem(name)
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if problem is None and ".." in parts:
            problem = "leads out of the archive by '..'"
        if problem is None and any(len(part.encode()) > self.limits.name for part in parts):
            problem = f"has a part longer than {self.limits.name} bytes"
        if problem is None and len(parts) > self.limits.depth:
            problem = f"is deeper than {self.limits.depth} directories"
        if problem is not None:
            raise InvalidArgument(f"the archive's entry {_shown(name)} {problem}; nothing was unpacked")
        return parts

    def _problem(self, name: str) -> str | None:
        try:
            length = len(name.encode())
        except UnicodeEncodeError:
            return "is not UTF-8"
        if length > self.limits.path:
            return f"is longer than {self.limits.path} bytes"
        if name.startswith("/") or _DRIVE.match(name):
            return "is an absolute path"
        if "\\" in name:
            return "has a backslash, which some systems take for a separator"
        if any(unicodedata.category(letter) in ("Cc", "Zl", "Zp") for letter in name):
            return "has control characters"
        return None

    def _claim(self, parts: list[str], kind: str) -> None:
        """Refuses a second file of a path, a path that is both file and directory, and names that only some
        file systems keep apart."""
        for depth in range(1, len(parts) + 1):
            path = "/".join(parts[:depth])
            spelled = self._spelled.setdefault(_folded(path), path)
            if spelled != path:
                raise InvalidArgument(f"the archive's entries {_shown(spelled)} and {_shown(path)} differ only in case")
            wanted = kind if depth == len(parts) else "directory"
            held = self._kinds.get(path)
            if held is not None and (held, wanted) != ("directory", "directory"):
                raise InvalidArgument(f"the archive has more than one entry for {_shown(path)}")
            self._kinds[path] = wanted


def _folded(path: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", path).casefold())


def _shown(name: str) -> str:
    return ascii(name[:80] + ("…" if len(name) > 80 else ""))
