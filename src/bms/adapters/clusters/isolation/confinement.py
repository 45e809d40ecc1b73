"""Restricts a process by Landlock (landlock(7): files, signals, abstract sockets), and drops its capabilities.

Standard library only (`kernel`): `bootstrap` loads it in a process that has nothing else. Landlock holds for the
process and for all that it starts, through exec, and it can't be lifted. What it does not know of (connections to
sockets that have a path, chmod, stat) is `roots`'s.
"""

import ctypes
import os
import stat
import struct
from collections.abc import Iterable, Mapping

from .kernel import checked, libc, prctl

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on every architecture
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38  # prctl(2)
_CAPABILITY_VERSION_3 = 0x20080522  # capset(2)

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE, MAKE_CHAR, MAKE_DIR = (1 << n for n in range(8))
MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM, REFER, TRUNCATE, IOCTL_DEV = (1 << n for n in range(8, 16))
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV  # the others mean something for directories alone
_SINCE_ABI = {2: REFER, 3: TRUNCATE, 5: IOCTL_DEV}
_SCOPED = 0b11  # abstract Unix sockets, signals: neither leaves the workload
SIGNALS_SINCE_ABI = 6
_TCP = 0b11  # binding and connecting
TCP_SINCE_ABI = 4

RIGHTS = {
    "read": READ_FILE | READ_DIR,
    "run": READ_FILE | READ_DIR | EXECUTE,
    "device": READ_FILE | WRITE_FILE | TRUNCATE | IOCTL_DEV,
    # Everybody's: no list of its names, so that what has a random name is found by those alone who were told it.
    "shared": READ_FILE | WRITE_FILE | TRUNCATE | MAKE_REG | REMOVE_FILE,
    "own": (1 << 16) - 1 & ~(MAKE_CHAR | MAKE_BLOCK | IOCTL_DEV),
}
RIGHTS["scratch"] = RIGHTS["own"]


def abi() -> int:
    """The kernel's Landlock version; 0 where it has none, or has it switched off."""
    found: int = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_CREATE_RULESET_VERSION))
    return max(0, found)


def confine(allowed: Mapping[str, Iterable[str]], *, tcp: bool = True) -> None:
    """Restricts this process, irrevocably, to what `allowed` gives: paths by the name of the right in RIGHTS, and
    `tcp`.

    To be called with one thread. Paths that are not there give nothing. Without Landlock only capabilities and new
    privileges are taken. Raises OSError when the kernel refuses.
    """
    version = abi()
    prctl(_PR_SET_NO_NEW_PRIVS, 1, "no_new_privs")
    if version:
        known = (1 << 16) - 1
        for since, right in _SINCE_ABI.items():
            known &= ~right if version < since else ~0
        scoped = _SCOPED if version >= SIGNALS_SINCE_ABI else 0
        attributes = struct.pack("=QQQ", known, 0 if tcp or version < TCP_SINCE_ABI else _TCP, scoped)
        ruleset = checked(
            libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0)), "ruleset"
        )
        for name, paths in allowed.items():
            for path in paths:
                _allow(ruleset, path, RIGHTS[name] & known)
        checked(libc.syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0)), "restriction")
        os.close(ruleset)
    # For a platform that root runs: loading modules, reading the kernel's memory and the like go round Landlock.
    nothing = struct.pack("=6I", *[0] * 6)
    checked(libc.capset(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), nothing), "capabilities")


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _OF_FILES
        rule = struct.pack("=Qi", rights, descriptor)
        added = libc.syscall(
            _ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_RULE_PATH_BENEATH), rule, ctypes.c_uint32(0)
        )
        checked(added, path)
    finally:
        os.close(descriptor)
