"""/api/v1/blobs: content-addressed blobs, and file trees made of them."""

import msgspec


class Blob(msgspec.Struct, frozen=True, kw_only=True):
    """A blob of content. `digest` is "sha256:<hex>" of the content, `size` its bytes."""

    digest: str
    size: int


class FileEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One regular file of a tree: its path below the root with '/' between names, its content's digest and size in
    bytes."""

    path: str
    digest: str
    size: int


class FileTree(msgspec.Struct, frozen=True, kw_only=True):
    """A directory as content: its files, in order of path."""

    files: tuple[FileEntry, ...]
