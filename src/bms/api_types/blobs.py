"""/api/v1/blobs: contents by digest, and the lists of files that name them."""

import msgspec


class Blob(msgspec.Struct, frozen=True, kw_only=True):
    """`digest` is "sha256:<hex>" of the content, `size` its bytes."""

    digest: str
    size: int


class FileEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One regular file: its path below the tree's root with '/' between names, its content's digest and bytes."""

    path: str
    digest: str
    size: int


class FileTree(msgspec.Struct, frozen=True, kw_only=True):
    """A directory as content: its files, in order of path."""

    files: tuple[FileEntry, ...]
