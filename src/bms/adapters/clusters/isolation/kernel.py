"""Bindings to Linux system calls that Python's standard library lacks; each raises OSError when the kernel refuses.

Standard library only: `bootstrap` loads this folder as a package of its own, in a process that has nothing else.
"""

import ctypes
import os
import struct

# unshare(2)
NEW_MOUNTS, NEW_UTS, NEW_IPC, NEW_USER, NEW_NETWORK = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x40000000
# mount(2)
NO_SUID, NO_DEVICES, NO_EXEC, _RECURSIVE, _PRIVATE = 2, 4, 8, 0x4000, 1 << 18
_READ_ONLY, _NO_SUID = 1, 2  # mount_setattr(2)
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442  # the same numbers on every architecture
_CLONE, _CLOSE_ON_EXEC, _AT_RECURSIVE, _FROM_FD = 1, os.O_CLOEXEC, 0x8000, 4
_HERE = -100  # AT_FDCWD
_DETACH = 2  # umount2(2)
KEEP_SIZE, PUNCH_HOLE, COLLAPSE_RANGE = 1, 2, 8  # fallocate(2)

libc = ctypes.CDLL(None, use_errno=True)


def checked(answer: int, what: str) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"confining: {os.strerror(number)}", what)
    return answer


def allocate(descriptor: int, mode: int, start: int, size: int) -> None:
    """fallocate(2), which `posix_fallocate` is not: with `mode` it takes away what is there."""
    what = (ctypes.c_int(descriptor), ctypes.c_int(mode), ctypes.c_int64(start), ctypes.c_int64(size))
    if libc.fallocate(*what) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def prctl(option: int, value: int, what: str) -> None:
    checked(libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)), what)


def unshare(flags: int, what: str) -> None:
    checked(libc.unshare(ctypes.c_int(flags)), what)


def mount(kind: str, where: str, flags: int = 0, options: str = "") -> None:
    """Mounts a new file system of a kind that needs no device."""
    source = kind.encode()
    answer = libc.mount(source, where.encode(), source, ctypes.c_ulong(flags), options.encode())
    checked(answer, f"mounting {kind} at {where}")


def keep_mounts_private() -> None:
    """Keeps later mounts invisible outside this process's namespace."""
    checked(libc.mount(None, b"/", None, ctypes.c_ulong(_RECURSIVE | _PRIVATE), None), "private mounts")


def clone_tree(path: str) -> int:
    """Opens a detached copy of the tree at `path`, with all that is mounted below, not yet visible anywhere."""
    flags = ctypes.c_uint(_CLONE | _CLOSE_ON_EXEC | _AT_RECURSIVE)
    return checked(libc.syscall(_OPEN_TREE, ctypes.c_int(_HERE), path.encode(), flags), f"taking {path}")


def attach_tree(tree: int, path: str) -> None:
    """Mounts a detached tree at `path`, and closes its descriptor."""
    place = (ctypes.c_int(tree), b"", ctypes.c_int(_HERE), path.encode(), ctypes.c_uint(_FROM_FD))
    try:
        checked(libc.syscall(_MOVE_MOUNT, *place), f"showing {path}")
    finally:
        os.close(tree)


def make_read_only(path: str) -> None:
    """Makes what is mounted at `path` and all below read-only; set-user-id programs there have no effect any more."""
    _set_attributes(path, struct.pack("=QQQQ", _READ_ONLY | _NO_SUID, 0, 0, 0), _AT_RECURSIVE)


def make_writable(path: str) -> None:
    """Makes the mount at `path` writable, not those below."""
    _set_attributes(path, struct.pack("=QQQQ", 0, _READ_ONLY, 0, 0), 0)


def _set_attributes(path: str, attributes: bytes, flags: int) -> None:
    where = (ctypes.c_int(_HERE), path.encode(), ctypes.c_uint(flags))
    answer = libc.syscall(_MOUNT_SETATTR, *where, attributes, ctypes.c_size_t(len(attributes)))
    checked(answer, f"restricting the mounts at {path}")


def become_root(path: str) -> None:
    """Makes the mount at `path` the root of this process's namespace; the old root is gone."""
    os.chdir(path)
    checked(libc.pivot_root(b".", b"."), "changing the root")
    checked(libc.umount2(b".", _DETACH), "leaving the old root")
    os.chdir("/")
