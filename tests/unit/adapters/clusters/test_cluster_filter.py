"""The filter of system calls, run by a small machine like the kernel's (linux/bpf_common.h), for both processors."""

import errno

import pytest

from bms.adapters.clusters.isolation.seccomp import _EVERYWHERE, _NUMBERS, INTERNET, UNIX, Instruction, program

ALLOWED = 0


def answer(steps: list[Instruction], arch: int, number: int, *arguments: int) -> int:
    """The error of the call, 0 where it is allowed."""
    words = {0: number, 4: arch}
    for place, value in enumerate(arguments):
        words[16 + 8 * place], words[20 + 8 * place] = value & 0xFFFFFFFF, value >> 32
    at, loaded = 0, 0
    while True:
        code, yes, no, operand = steps[at]
        at += 1
        if code == 0x20:
            loaded = words.get(operand, 0)
        elif code == 0x06:
            return ALLOWED if operand == 0x7FFF0000 else operand & 0xFFFF
        else:
            true = {0x15: loaded == operand, 0x35: loaded >= operand, 0x45: bool(loaded & operand)}[code]
            at += yes if true else no


@pytest.mark.parametrize("machine", sorted(_NUMBERS))
@pytest.mark.parametrize(
    ("families", "call", "arguments", "expected"),
    [
        (UNIX, "socket", (1, 1), ALLOWED),
        (UNIX, "socket", (2, 1), errno.EACCES),
        (UNIX, "socket", (10, 2), errno.EACCES),
        (UNIX, "socket", (16, 3), errno.EACCES),
        (INTERNET, "socket", (2, 1), ALLOWED),
        (INTERNET, "socket", (16, 3), ALLOWED),
        (INTERNET, "socket", (40, 1), errno.EACCES),
        (UNIX, "io_uring_setup", (1,), errno.ENOSYS),
        (UNIX, "clone3", (1,), errno.ENOSYS),
        (UNIX, "clone", (0x01200011,), ALLOWED),  # a fork, as glibc does it
        (UNIX, "clone", (0x003D0F00,), ALLOWED),  # a thread
        (UNIX, "clone", (0x10000011,), errno.EPERM),
        (UNIX, "unshare", (0x10000000,), errno.EPERM),
        (UNIX, "unshare", (0x00000400,), ALLOWED),
        (UNIX, "keyctl", (0,), errno.EPERM),
        (UNIX, "prlimit64", (0, 7, 1 << 40, 0), ALLOWED),
        (UNIX, "prlimit64", (77, 7, 0, 1 << 40), ALLOWED),
        (UNIX, "prlimit64", (77, 7, 1 << 40, 0), errno.EPERM),
        (UNIX, "prlimit64", (77, 7, 0x1000, 0), errno.EPERM),
    ],
)
def test_each_call_gets_its_answer(
    machine: str, families: tuple[int, ...], call: str, arguments: tuple[int, ...], expected: int
) -> None:
    numbers = _NUMBERS[machine] | _EVERYWHERE
    assert answer(program(families, machine), numbers["arch"], numbers[call], *arguments) == expected


@pytest.mark.parametrize("machine", sorted(_NUMBERS))
def test_another_processors_calls_and_the_other_abi_are_refused(machine: str) -> None:
    steps = program(UNIX, machine)
    assert answer(steps, 0x40000003, 41, 1) == errno.ENOSYS
    assert answer(steps, _NUMBERS[machine]["arch"], 0x40000000 + 41, 1) == errno.ENOSYS
    assert answer(steps, _NUMBERS[machine]["arch"], 0) == ALLOWED
