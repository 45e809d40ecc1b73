"""Converts blobs and lists of files into answers of the API."""

from bms.api_types import blobs
from bms.control.platform.objects import Blob
from bms.control.platform.trees import FileEntry, Tree


def blob(one: Blob) -> blobs.Blob:
    return blobs.Blob(digest=one.digest, size=one.size)


def tree(one: Tree) -> blobs.FileTree:
    return blobs.FileTree(files=tuple(_file(each) for each in one.files))


def _file(one: FileEntry) -> blobs.FileEntry:
    return blobs.FileEntry(path=one.path, digest=one.digest, size=one.size)
