"""Local files and directories as uploadable content: relative paths, digests and sizes."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from bms.api_types.blobs import FileEntry, FileTree
from bms.core.digest import of_bytes
from bms.core.errors import InvalidArgument, NotFound

__all__ = ["FileEntry", "FileTree", "LocalFile", "in_memory", "scan", "with_file"]

PIECE = 1 << 20


@dataclass(frozen=True)
class LocalFile:
    """A file to upload: its entry, and its path on this machine or its bytes."""

    entry: FileEntry
    source: Path | bytes


def scan(path: Path) -> list[LocalFile]:
    """Hashes the file at `path`, or all files below it, in order of their paths.

    Raises NotFound when there is nothing, InvalidArgument for an empty directory and for what is neither a
    regular file nor a directory (links too: what they point at may change or lie outside).
    """
    if not path.exists():
        raise NotFound(f"there is no file or directory {str(path)!r}")
    if path.is_file():
        return [_local(path, path.name)]
    found = []
    for source in sorted(path.rglob("*"), key=lambda one: one.relative_to(path).as_posix()):
        if source.is_symlink() or not (source.is_file() or source.is_dir()):
            raise InvalidArgument(f"{str(source)!r} is not a regular file: replace it by a copy of what it stands for")
        if source.is_file() and "__pycache__" not in source.parts:
            found.append(_local(source, source.relative_to(path).as_posix()))
    if not found:
        raise InvalidArgument(f"the directory {str(path)!r} holds no files")
    return found


def in_memory(path: str, content: bytes) -> LocalFile:
    """Makes a file to upload from bytes."""
    return LocalFile(FileEntry(path=path, digest=of_bytes(content), size=len(content)), content)


def with_file(files: list[LocalFile], one: LocalFile) -> list[LocalFile]:
    """Adds the file `one` to `files`, replacing one of the same path; in order of their paths."""
    others = [file for file in files if file.entry.path != one.entry.path]
    return sorted([*others, one], key=lambda file: file.entry.path)


def _local(source: Path, path: str) -> LocalFile:
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
            size += len(piece)
    return LocalFile(FileEntry(path=path, digest=f"sha256:{digest.hexdigest()}", size=size), source)
