"""Trees: directories as content: a sorted list of files by path and digest, itself a blob named by its digest."""

from collections.abc import AsyncIterator
from pathlib import PurePath, PurePosixPath

import msgspec

from bms.control.platform.objects import ObjectStore
from bms.core.digest import check_digest, of_bytes
from bms.core.errors import DataLoss, InvalidArgument, NotFound

MAX_FILES = 100_000
MAX_PATH = 1024


class FileEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One regular file: its path below the tree's root with '/' between names, its content's digest and bytes."""

    path: str
    digest: str
    size: int


class Tree(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Files in order of path."""

    files: tuple[FileEntry, ...]

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    def encode(self) -> bytes:
        return msgspec.json.encode(self)

    @property
    def digest(self) -> str:
        return of_bytes(self.encode())


def tree_of(files: list[FileEntry]) -> Tree:
    """A tree that is safe to write below any directory.

    Raises InvalidArgument for paths that are absolute, contain '..', repeat, collide when case is ignored, or
    use a file as a directory; and for malformed digests.
    """
    if not 1 <= len(files) <= MAX_FILES:
        raise InvalidArgument(f"an artifact has 1 to {MAX_FILES} files, this one has {len(files)}")
    seen: set[str] = set()
    for file in files:
        _check_path(file.path)
        check_digest(file.digest)
        if file.size < 0:
            raise InvalidArgument(f"file {file.path!r} has a negative size")
        folded = file.path.casefold()
        if folded in seen:
            raise InvalidArgument(f"two files are named {file.path!r} (upper and lower case count as equal)")
        seen.add(folded)
    for path in seen:
        for parent in PurePosixPath(path).parents:
            if str(parent) in seen:
                raise InvalidArgument(f"{str(parent)!r} is both a file and a directory")
    return Tree(files=tuple(sorted(files, key=lambda file: file.path)))


def _check_path(path: str) -> None:
    parts = path.split("/")
    bad = not path or len(path) > MAX_PATH or "\\" in path or any(ord(letter) < 32 for letter in path)
    if bad or any(part in ("", ".", "..") or len(part.encode()) > 255 for part in parts):
        raise InvalidArgument(
            f"file path {path[:80]!r} is not allowed: use relative names with '/' between them, no '.' or '..'"
        )


async def put_tree(objects: ObjectStore, tenant: str, tree: Tree) -> str:
    """Stores the tree's own blob; its digest names the tree from now on.

    Raises FailedPrecondition-like NotFound naming the first file whose content is not there yet.
    """
    for file in tree.files:
        blob = await objects.stat(tenant, file.digest)
        if blob is None:
            raise NotFound(f"the content of {file.path!r} ({file.digest}) was not uploaded yet: upload it, then repeat")
        if blob.size != file.size:
            raise InvalidArgument(
                f"file {file.path!r} was declared with {file.size} bytes, its content has {blob.size}"
            )
    return (await objects.put(tenant, _once(tree.encode()), tree.digest)).digest


async def get_tree(objects: ObjectStore, tenant: str, digest: str) -> Tree:
    """Raises NotFound for an unknown digest, DataLoss when its blob is not a tree."""
    content = b"".join([chunk async for chunk in objects.read(tenant, digest)])
    try:
        return msgspec.json.decode(content, type=Tree)
    except msgspec.DecodeError as error:
        raise DataLoss(f"{digest} is not a tree: {error}") from error


async def materialize_tree(objects: ObjectStore, tenant: str, digest: str, directory: PurePath) -> Tree:
    """Writes verified copies of all files below `directory`."""
    tree = await get_tree(objects, tenant, digest)
    for file in tree_of(list(tree.files)).files:
        await objects.materialize(tenant, file.digest, directory / file.path)
    return tree


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
