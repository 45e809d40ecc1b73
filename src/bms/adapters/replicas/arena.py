"""Shared memory with one model server, for large tensors, which so need not be sent.

Made by us, of a size that neither side can change (sealed), and given to the server as a descriptor with the first
frame of a connection. One arena per connection: what a tenant's model could look at there is what it was asked.
"""

import fcntl
import mmap
import os

from bms.adapters.replicas.slots import Slots
from bms.core.tensors.tensor import Array

SIZE = 64 << 20  # bytes; the kernel gives memory only for what is written


class Arena:
    """A block of shared memory and its allocations. `fd` is ours until `close_fd`; the memory lives as long as it is
    mapped here or there."""

    def __init__(self, size: int = SIZE) -> None:
        """Raises OSError where the kernel gives no shared memory."""
        self.fd: int | None = os.memfd_create("bms-arena", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(self.fd, size)
            # A file that shrank under a mapping would kill who touches it.
            fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
            self._memory = mmap.mmap(self.fd, size)
        except OSError:
            self.close_fd()
            raise
        self._slots = Slots(size)
        self._touched = False

    def close_fd(self) -> None:
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None

    def put(self, array: Array) -> int | None:
        """Copies an array's row-major bytes in; returns their offset, None where there is no room."""
        size = array.nbytes
        start = self._slots.take(size)
        if start is not None:
            place = memoryview(self._memory)[start : start + size]
            place[:] = array.reshape(-1).view("u1").data
            self._touched = True
        return start

    def free(self, start: int) -> None:
        self._slots.give_back(start)

    def __len__(self) -> int:
        """Tensors in it."""
        return len(self._slots)

    @property
    def idle(self) -> bool:
        """Whether it holds pages though nothing is allocated."""
        return self._touched and not self._slots

    def trim(self) -> None:
        """Returns the pages to the kernel; only while nothing is allocated."""
        if self.idle:
            self._memory.madvise(mmap.MADV_REMOVE)
            self._touched = False
