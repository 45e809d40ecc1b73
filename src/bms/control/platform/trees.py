"""Trees: directories as content, each a sorted list of files by path and digest, itself a blob named by its digest."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable
from pathlib import PurePath

import msgspec

from bms.control.platform.objects import Blob, BlobStore
from bms.core.digest import check_digest, of_bytes
from bms.core.errors import InvalidArgument, NotFound

MAX_FILES = 100_000
MAX_PATH = 1024
MAX_FILE = 1 << 50  # bytes of one file; a sum of MAX_FILES of them must be refused before it reaches a database
MAX_TOTAL = 1 << 53
MAX_TREE = 64 << 20  # bytes of the tree's own blob, which is read whole
_AT_ONCE = 64  # blobs looked up at a time


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
    """Makes a tree that is safe to write below any directory.

    Raises InvalidArgument for paths that are absolute, contain '..', repeat, collide when case is ignored, or
    use a file as a directory; and for malformed digests and sizes no disk holds.
    """
    if not 1 <= len(files) <= MAX_FILES:
        raise InvalidArgument(f"an artifact has 1 to {MAX_FILES} files, this one has {len(files)}")
    seen: set[str] = set()
    for file in files:
        _check_path(file.path)
        check_digest(file.digest)
        if not 0 <= file.size <= MAX_FILE:
            raise InvalidArgument(f"file {file.path!r} has a size outside 0 to {MAX_FILE} bytes")
        folded = file.path.casefold()
        if folded in seen:
            raise InvalidArgument(f"two files are named {file.path!r} (upper and lower case count as equal)")
        seen.add(folded)
    _check_directories(seen)
    tree = Tree(files=tuple(sorted(files, key=lambda file: file.path)))
    if tree.size > MAX_TOTAL:
        raise InvalidArgument(f"the files add up to {tree.size} bytes, expected at most {MAX_TOTAL}")
    return tree


def _check_path(path: str) -> None:
    parts = path.split("/")
    bad = not path or len(path) > MAX_PATH or "\\" in path or any(ord(letter) < 32 for letter in path)
    if any("\ud800" <= letter <= "\udfff" for letter in path):  # what Python makes of bytes of a file's name
        raise InvalidArgument(f"file path {path[:80]!r} is not allowed: names are UTF-8")
    if bad or any(part in ("", ".", "..") or len(part.encode()) > 255 for part in parts):
        raise InvalidArgument(
            f"file path {path[:80]!r} is not allowed: use relative names with '/' between them, no '.' or '..'"
        )


def _check_directories(paths: set[str]) -> None:
    # With the smallest letter for '/', what lies below a name sorts right after that name: neighbours tell all.
    ordered = sorted(path.replace("/", "\0") for path in paths)
    for path, following in itertools.pairwise(ordered):
        if following.startswith(path + "\0"):
            raise InvalidArgument(f"{path.replace(chr(0), '/')!r} is both a file and a directory")


async def missing(objects: BlobStore, tenant: str, tree: Tree) -> list[FileEntry]:
    """The files whose content this tenant has not stored yet, one for each digest.

    Raises InvalidArgument where the stored content has not the declared size, or one digest two sizes.
    """
    declared: dict[str, FileEntry] = {}
    for file in tree.files:
        first = declared.setdefault(file.digest, file)
        if first.size != file.size:
            raise InvalidArgument(f"{file.digest} is declared with {first.size} bytes and with {file.size}")
    entries, absent = list(declared.values()), []
    for start in range(0, len(entries), _AT_ONCE):
        some = entries[start : start + _AT_ONCE]
        found = await asyncio.gather(*(objects.stat(tenant, file.digest) for file in some))
        absent += [file for file, blob in zip(some, found, strict=True) if not _has(file, blob)]
    return absent


def _has(file: FileEntry, blob: Blob | None) -> bool:
    if blob is not None and blob.size != file.size:
        raise InvalidArgument(f"file {file.path!r} was declared with {file.size} bytes, its content has {blob.size}")
    return blob is not None


async def put_manifest(objects: BlobStore, tenant: str, tree: Tree) -> str:
    """Stores the tree's own blob, whether or not its files' contents are there yet; returns its digest."""
    encoded = tree.encode()
    if len(encoded) > MAX_TREE:
        raise InvalidArgument(f"the list of files takes {len(encoded)} bytes, expected at most {MAX_TREE}")
    return (await objects.put(tenant, _once(encoded), of_bytes(encoded))).digest


async def put_tree(objects: BlobStore, tenant: str, tree: Tree) -> str:
    """Stores the tree's own blob; its digest names the tree from now on.

    Raises NotFound naming the first file whose content is not there yet.
    """
    for file in await missing(objects, tenant, tree):
        raise NotFound(f"the content of {file.path!r} ({file.digest}) was not uploaded yet: upload it, then repeat")
    return await put_manifest(objects, tenant, tree)


async def get_tree(objects: BlobStore, tenant: str, digest: str) -> Tree:
    """Reads the tree of that digest, checked as `tree_of` does, whoever wrote the blob.

    Raises NotFound for an unknown digest, InvalidArgument when its blob is not a tree.
    """
    blob = await objects.stat(tenant, digest)
    if blob is None:
        raise NotFound(f"there is no tree {digest} in this tenant: store it first")
    if blob.size > MAX_TREE:
        raise InvalidArgument(f"{digest} has {blob.size} bytes: it is no tree, which has at most {MAX_TREE}")
    content = b"".join([chunk async for chunk in objects.read(tenant, digest)])
    try:
        tree = tree_of(list(msgspec.json.decode(content, type=Tree).files))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidArgument(f"{digest} is not a tree: {error}") from error
    if tree.encode() != content:
        raise InvalidArgument(f"{digest} is not a tree: its files must be in order of path, written without spaces")
    return tree


async def digests_of(objects: BlobStore, tenant: str, trees: Iterable[str]) -> frozenset[str]:
    """The trees' own digests and those of all their files: what garbage collection must spare for them."""
    found: set[str] = set()
    for digest in trees:
        tree = await get_tree(objects, tenant, digest)
        found |= {digest, *(file.digest for file in tree.files)}
    return frozenset(found)


async def materialize_tree(
    objects: BlobStore, tenant: str, digest: str, directory: PurePath, *, shared: bool = False
) -> Tree:
    """Writes verified copies of all files below `directory`; `shared`: they may be the store's own files."""
    tree = await get_tree(objects, tenant, digest)
    give = objects.share if shared else objects.materialize
    for file in tree.files:
        await give(tenant, file.digest, directory / file.path)
    return tree


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
