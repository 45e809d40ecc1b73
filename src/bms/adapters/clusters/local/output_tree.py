"""Stores a directory that a job left as a tree of the tenant's objects, trusting nothing in it."""

import asyncio
import os
import stat
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import BinaryIO

from bms.adapters.clusters.local.plain_files import opened_directory, opened_file
from bms.control.platform.objects import BlobStore
from bms.control.platform.trees import MAX_FILES, FileEntry, Tree, put_tree, tree_of
from bms.core.cancellation import opened
from bms.core.errors import InvalidArgument

_PIECE = 1 << 20
_MAX_DEPTH = 64


async def store_directory(objects: BlobStore, tenant: str, parent: str, name: str) -> Tree | None:
    """Stores every file below `parent`/`name`, and their tree, which is returned; None without any file.

    Raises InvalidArgument for links, pipes, devices, too many files, and names a tree can't have.
    """
    paths = await asyncio.to_thread(_paths, parent, name)
    if not paths:
        return None
    entries = []
    for path in paths:
        async with aclosing(_content(parent, name, path)) as content:
            blob = await objects.put(tenant, content)
        entries.append(FileEntry(path="/".join(path), digest=blob.digest, size=blob.size))
    tree = tree_of(entries)
    await put_tree(objects, tenant, tree)
    return tree


def _paths(parent: str, name: str) -> list[tuple[str, ...]]:
    try:
        with opened_directory(parent) as above, opened_directory(name, above) as top:
            found: list[tuple[str, ...]] = []
            _walk(name, top, (), found)
            return found
    except FileNotFoundError:
        return []
    except NotADirectoryError:
        raise InvalidArgument(f"{name!r} is not a directory") from None


def _walk(root: str, directory: int, above: tuple[str, ...], found: list[tuple[str, ...]]) -> None:
    if len(above) > _MAX_DEPTH:
        raise InvalidArgument(f"the {root} has directories more than {_MAX_DEPTH} deep")
    for name in sorted(os.listdir(directory)):
        path = (*above, name)
        mode = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            with opened_directory(name, directory) as below:
                _walk(root, below, path, found)
        elif stat.S_ISREG(mode):
            found.append(path)
        else:
            raise InvalidArgument(f"{'/'.join(path)!r} of the {root} is neither file nor directory: links are not kept")
        if len(found) > MAX_FILES:
            raise InvalidArgument(f"the {root} has over {MAX_FILES} files: put them into archives")


async def _content(parent: str, name: str, path: tuple[str, ...]) -> AsyncGenerator[bytes]:
    with await opened(_open, parent, (name, *path)) as file:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece


def _open(parent: str, path: tuple[str, ...]) -> BinaryIO:
    """The file, reached step by step, so that no directory on the way can be a link by now."""
    with opened_directory(parent) as start:
        within = os.dup(start)
        try:
            for name in path[:-1]:
                with opened_directory(name, within) as below:
                    os.dup2(below, within, inheritable=False)
            with opened_file(path[-1], within) as descriptor:
                return open(os.dup(descriptor), "rb")
        except OSError as error:
            raise InvalidArgument(f"{'/'.join(path[1:])!r} of the {path[0]} can't be kept: {error}") from error
        finally:
            os.close(within)
