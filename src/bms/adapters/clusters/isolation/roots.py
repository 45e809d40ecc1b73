"""Builds a workload's private root file system: only what it may see, read-only, and its own directories, writable.

Standard library only (`kernel`). Entered in a mount namespace of the workload's own, before Landlock, which forbids to
mount. What Landlock does not know of (chmod, stat, connecting to a socket that has a path) ends here: what is not
allowed has no name.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping

from . import kernel

MOST_LINKS = 40  # as the kernel
SHARED_MEMORY, SCRATCH = "/dev/shm", "/tmp"  # noqa: S108 - places of the workload's own
_PLAIN = kernel.NO_SUID | kernel.NO_DEVICES
_LINKS = {
    "/dev/fd": "/proc/self/fd",
    "/dev/stdin": "/proc/self/fd/0",
    "/dev/stdout": "/proc/self/fd/1",
    "/dev/stderr": "/proc/self/fd/2",
}


def enter(files: Mapping[str, Iterable[str]], *, base: str, program: str, room: int, hide: bool) -> None:
    """Replaces the process's root by a tree that holds the paths of `files`, of which those of "own" can be written,
    and empty `SCRATCH` and `SHARED_MEMORY` with `room` bytes each.

    `base` is a directory to build on; `program` must be found through whatever links lead to it. `hide`: /proc shows
    of the processes only those that the workload might trace, its own. Raises OSError when the kernel refuses.
    """
    here, own = os.getcwd(), [os.path.realpath(path) for path in files["own"]]
    written = [(path, kernel.clone_tree(path)) for path in own]
    seen = [path for name, paths in files.items() if name not in ("own", "shared", "scratch") for path in paths]
    found = [_resolve(path) for path in seen]
    shown = list(_outermost(real for real, _ in found if real))
    old = os.umask(0o666)  # what leads to the paths may be passed, not listed
    kernel.mount("tmpfs", base, _PLAIN, "mode=0111,size=4m")
    for path in (SCRATCH, SHARED_MEMORY):
        os.makedirs(base + path)
        kernel.mount("tmpfs", base + path, _PLAIN, f"mode=1777,size={room}")
    for path in _tops_in_scratch((*own, *shown)):
        os.mkdir(base + path)
        kernel.mount("tmpfs", base + path, _PLAIN, "mode=0111,size=1m")
    for link, target in [*_LINKS.items(), *(link for _, links in (*found, _resolve(program)) for link in links)]:
        if not os.path.lexists(base + link):
            os.makedirs(base + os.path.dirname(link), exist_ok=True)
            os.symlink(target, base + link)
    for path in shown:
        _show(base, path, hide=hide)
    for path in own:
        os.makedirs(base + path, exist_ok=True)
    kernel.make_read_only(base)
    for path, tree in written:
        kernel.attach_tree(tree, base + path)
    for path in (SCRATCH, SHARED_MEMORY):
        kernel.make_writable(base + path)
    os.umask(old)
    kernel.become_root(base)
    os.chdir(here)


def _resolve(path: str) -> tuple[str, list[tuple[str, str]]]:
    """What `path` leads to, "" where there is nothing, and the links on the way with their targets."""
    names, done, links = _names(path), "", list[tuple[str, str]]()
    while names:
        step = f"{done}/{names.pop(0)}"
        try:
            is_link = stat.S_ISLNK(os.lstat(step).st_mode)
        except OSError:
            return "", links
        if not is_link:
            done = step
            continue
        if len(links) == MOST_LINKS:
            return "", links
        target = os.readlink(step)
        links.append((step, target))
        names = [*_names(os.path.normpath(target if target.startswith("/") else f"{done}/{target}")), *names]
        done = ""
    return done, links


def _tops_in_scratch(paths: Iterable[str]) -> list[str]:
    """The directories right below `SCRATCH` that lead to any of the paths. Nothing may write in them."""
    inside = (path.split("/") for path in paths if path.startswith(f"{SCRATCH}/"))
    return sorted({"/".join(names[:3]) for names in inside if len(names) > 3})


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name]


def _outermost(paths: Iterable[str]) -> Iterator[str]:
    """Without those that lie below another."""
    kept: list[str] = []
    for path in sorted(set(paths), key=len):
        if not any(path.startswith(f"{each}/") for each in kept):
            kept.append(path)
            yield path


def _show(base: str, path: str, *, hide: bool) -> None:
    if os.path.isdir(path):
        os.makedirs(base + path, exist_ok=True)
    else:
        os.makedirs(base + os.path.dirname(path), exist_ok=True)
        os.close(os.open(base + path, os.O_CREAT | os.O_RDONLY, 0o600))
    if hide and path == "/proc":
        kernel.mount("proc", base + path, _PLAIN | kernel.NO_EXEC, "hidepid=ptraceable")
    else:
        kernel.attach_tree(kernel.clone_tree(path), base + path)
