"""A worker process that fuzzes the decoders. Its last input lies in shared memory, so a crash can't take it along."""

import mmap
import os
import resource
import signal
import sys
import time
import traceback
from random import Random

from fuzzing.decoders import Decoder, decoders
from fuzzing.mutations import LONGEST, mutated

_MEMORY = 4 << 30  # bytes of address space: a decoder that believes a length ends here
_PATIENCE_S = 5  # for one input
_CHUNK = 200  # inputs for one decoder before it is the next one's turn


class Finding(Exception):
    """An input that did what it must not."""

    def __init__(self, decoder: str, data: bytes, what: str) -> None:
        super().__init__(f"{decoder}: {what}")
        self.decoder = decoder
        self.data = data


def fuzz(seconds: float, seed: int) -> int:
    """The number of inputs tried, all answered as they should be. Raises Finding at the first that was not."""
    shared = mmap.mmap(-1, LONGEST + 4096)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _work(seconds, seed, shared, writing)  # does not return
    os.close(writing)
    with os.fdopen(reading, "rb") as said:
        text = said.read().decode()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == 0:
        return int(text)
    name, data = _last(shared)
    raise Finding(name, data, text or f"the process ended with {_ending(code)}")


def _work(seconds: float, seed: int, shared: mmap.mmap, writing: int) -> None:
    """Ends the process: status 0 and the count, or 1 and what went wrong."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, _too_slow)
    code, count = 1, 0
    try:
        count = _rounds(seconds, Random(seed), shared)
        os.write(writing, str(count).encode())
        code = 0
    except BaseException:  # noqa: BLE001 - whatever it is, it is the finding
        os.write(writing, traceback.format_exc(limit=-6).encode()[-4000:])
    os._exit(code)


def _rounds(seconds: float, random: Random, shared: mmap.mmap) -> int:
    targets, count, end = decoders(), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        for target in targets:
            signal.alarm(_PATIENCE_S)
            for _ in range(_CHUNK):
                _one(target, random, shared)
            count += _CHUNK
    signal.alarm(0)
    return count


def _one(target: Decoder, random: Random, shared: mmap.mmap) -> None:
    data = mutated(random, random.choice(target.seeds), target.seeds)
    if target.repair is not None and random.random() < 0.8:
        data = target.repair(data)
    name = target.name.encode()
    shared.seek(0)
    shared.write(bytes((len(name),)) + name + len(data).to_bytes(4, "little") + data)
    try:
        target.run(data)
    except target.allowed:
        return


def _too_slow(*_: object) -> None:
    raise TimeoutError(f"{_CHUNK} inputs, this one among them, took more than {_PATIENCE_S} s")


def _last(shared: mmap.mmap) -> tuple[str, bytes]:
    shared.seek(0)
    name = shared.read(shared.read(1)[0]).decode()
    return name, shared.read(int.from_bytes(shared.read(4), "little"))


def _ending(code: int) -> str:
    return f"status {code}" if code >= 0 else signal.Signals(-code).name


sys.setrecursionlimit(1000)
