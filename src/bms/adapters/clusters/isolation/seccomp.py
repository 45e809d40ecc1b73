"""Filters a workload's system calls by seccomp (seccomp(2)), on x86-64 and 64-bit Arm.

Standard library only (`kernel`). Refused are sockets of other families than those given, new namespaces, and what
workloads do without and attackers like: io_uring (which opens sockets behind a filter's back), keyrings, BPF, tracing
of the kernel, and limits and priorities of other processes.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Iterable

from . import kernel

UNIX, INTERNET = (1,), (1, 2, 10, 16)  # Unix sockets alone; IPv4, IPv6, and netlink, by which libraries list addresses
_NUMBERS = {
    "x86_64": {"arch": 0xC000003E, "socket": 41, "clone": 56, "add_key": 248, "request_key": 249, "keyctl": 250}
    | {"setpriority": 141, "sched_setparam": 142, "sched_setscheduler": 144, "ioprio_set": 251, "sched_setattr": 314}
    | {"unshare": 272, "perf_event_open": 298, "prlimit64": 302, "bpf": 321, "userfaultfd": 323, "seccomp": 317},
    "aarch64": {"arch": 0xC00000B7, "socket": 198, "clone": 220, "add_key": 217, "request_key": 218, "keyctl": 219}
    | {"setpriority": 140, "sched_setparam": 118, "sched_setscheduler": 119, "ioprio_set": 30, "sched_setattr": 274}
    | {"unshare": 97, "perf_event_open": 241, "prlimit64": 261, "bpf": 280, "userfaultfd": 282, "seccomp": 277},
}
_EVERYWHERE = {"io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "clone3": 435}
_OTHER_ABI = 0x4000_0000  # x32: the same processor, other numbers
_NAMESPACES = 0x7E02_0000  # CLONE_NEW* of clone(2)
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _ANSWER = 0x20, 0x15, 0x35, 0x45, 0x06  # linux/bpf_common.h
_ALLOW, _REFUSE = 0x7FFF_0000, 0x0005_0000
_CALL, _ARCHITECTURE, _FIRST, _SECOND, _THIRD, _THIRD_HIGH = 0, 4, 16, 24, 32, 36  # offsets in struct seccomp_data
_SET_FILTER, _WITHOUT_SLOW_DOWN = 1, 4  # SECCOMP_FILTER_FLAG_SPEC_ALLOW: speculation stays as it was

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand


def known(machine: str = os.uname().machine) -> bool:
    """Whether this processor is supported."""
    return machine in _NUMBERS


def program(families: Iterable[int], machine: str) -> list[Instruction]:
    """Builds the filter as instructions of classic BPF; everything that it does not name is allowed."""
    numbers = _NUMBERS[machine] | _EVERYWHERE
    blocks = {
        "socket": [
            (_LOAD, 0, 0, _FIRST),
            *(step for family in families for step in ((_EQUAL, 0, 1, family), (_ANSWER, 0, 0, _ALLOW))),
            _refused(errno.EACCES),
        ],
        "clone": _namespaces(),
        "unshare": _namespaces(),
        "clone3": [_refused(errno.ENOSYS)],  # its flags are in memory, where no filter looks; libraries use clone then
        "prlimit64": [
            (_LOAD, 0, 0, _FIRST),
            (_EQUAL, 4, 0, 0),  # its own
            (_LOAD, 0, 0, _THIRD),
            (_EQUAL, 0, 3, 0),  # reading alone
            (_LOAD, 0, 0, _THIRD_HIGH),
            (_EQUAL, 0, 1, 0),
            (_ANSWER, 0, 0, _ALLOW),
            _refused(errno.EPERM),
        ],
        "setpriority": _of_itself(0),
        "ioprio_set": _of_itself(1),
        **{
            name: [(_LOAD, 0, 0, _FIRST), (_EQUAL, 0, 1, 0), (_ANSWER, 0, 0, _ALLOW), _refused(errno.EPERM)]
            for name in ("sched_setparam", "sched_setscheduler", "sched_setattr")
        },
        **{
            name: [_refused(errno.ENOSYS)]
            for name in ("io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd")
        },
        **{name: [_refused(errno.EPERM)] for name in ("add_key", "request_key", "keyctl", "bpf", "perf_event_open")},
    }
    made: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, numbers["arch"]),
        _refused(errno.ENOSYS),
        (_LOAD, 0, 0, _CALL),
        (_AT_LEAST, 0, 1, _OTHER_ABI),
        _refused(errno.ENOSYS),
    ]
    for name, block in blocks.items():
        made += [(_EQUAL, 0, len(block), numbers[name]), *block]
    return [*made, (_ANSWER, 0, 0, _ALLOW)]


def install(families: Iterable[int]) -> None:
    """Filters this process and all that it starts, irrevocably. Needs no_new_privs. Raises OSError."""
    machine = os.uname().machine
    steps = b"".join(struct.pack("=HBBI", *step) for step in program(families, machine))
    buffer = ctypes.create_string_buffer(steps, len(steps))
    given = struct.pack("@HP", len(steps) // 8, ctypes.addressof(buffer))
    call = ctypes.c_long(_NUMBERS[machine]["seccomp"])
    answer = kernel.libc.syscall(call, ctypes.c_uint(_SET_FILTER), ctypes.c_uint(_WITHOUT_SLOW_DOWN), given)
    kernel.checked(answer, "a filter of system calls")


def _namespaces() -> list[Instruction]:
    return [(_LOAD, 0, 0, _FIRST), (_ANY_BIT, 0, 1, _NAMESPACES), _refused(errno.EPERM), (_ANSWER, 0, 0, _ALLOW)]


def _of_itself(process: int) -> list[Instruction]:
    """Calls that name a kind, of which `process` means one process, and then which: the caller alone."""
    return [
        (_LOAD, 0, 0, _FIRST),
        (_EQUAL, 0, 3, process),
        (_LOAD, 0, 0, _SECOND),
        (_EQUAL, 0, 1, 0),
        (_ANSWER, 0, 0, _ALLOW),
        _refused(errno.EPERM),
    ]


def _refused(number: int) -> Instruction:
    return (_ANSWER, 0, 0, _REFUSE | number)
