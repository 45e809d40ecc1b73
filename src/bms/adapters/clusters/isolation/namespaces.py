"""Moves a workload into its own network, mount, IPC and host name namespaces: unshare(2), as root or by a user
namespace.

Standard library only (`kernel`). What is unshared holds for the process and for all that it starts.
"""

import _socket
import fcntl
import os
import struct

from . import kernel

HOST = "localhost"
_UP = 1  # IFF_UP, netdevice(7)
_GET_FLAGS, _SET_FLAGS = 0x8913, 0x8914


def enter(how: str, *, network: bool, mounts: bool) -> None:
    """Leaves the machine's namespaces, those of `network` and `mounts` where requested.

    `how` is "root" (this process may) or "user" (it may in a user namespace of its own, where it keeps its ids).
    Raises OSError when the kernel refuses.
    """
    flags = (kernel.NEW_NETWORK if network else 0) | (
        kernel.NEW_MOUNTS | kernel.NEW_IPC | kernel.NEW_UTS if mounts else 0
    )
    if how == "user":
        user, group = os.geteuid(), os.getegid()
        kernel.unshare(kernel.NEW_USER | flags, "a user namespace")
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")
    else:
        kernel.unshare(flags, "namespaces")
    if network:
        _raise_loopback()
    if mounts:
        # The machine's name is no workload's business, and this one resolves where there is no network.
        kernel.checked(kernel.libc.sethostname(HOST.encode(), len(HOST)), "a host name")
        kernel.keep_mounts_private()


def _raise_loopback() -> None:
    """Processes of one workload may talk to one another over 127.0.0.1."""
    asked = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)  # not `socket`, which takes longer to import
    try:
        name = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16xH14x", fcntl.ioctl(asked.fileno(), _GET_FLAGS, name))[0]
        fcntl.ioctl(asked.fileno(), _SET_FLAGS, struct.pack("16sH14x", b"lo", flags | _UP))
    finally:
        asked.close()


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
