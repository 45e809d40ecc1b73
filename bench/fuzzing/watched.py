"""A worker process that fuzzes the decoders. Its last input lies in shared memory, so a crash can't take it along."""

import json
import logging
import mmap
import os
import resource
import signal
import sys
import time
import traceback
from dataclasses import asdict, dataclass
from random import Random

from fuzzing.decoders import decoders
from fuzzing.mutations import LONGEST, mutated
from fuzzing.target import Decoder

_MEMORY = 4 << 30  # bytes of address space: a decoder that believes a length ends here
_PATIENCE_S = 1.0  # of one input's computing
_HANGS_S = 20  # for a turn
_TURN_S = 0.02  # of one decoder before it is the next one's
_MADE = 0.5  # of the inputs are built, the others mutated


class Finding(Exception):
    """An input that did what it must not."""

    def __init__(self, decoder: str, data: bytes, what: str) -> None:
        super().__init__(f"{decoder}: {what}")
        self.decoder = decoder
        self.data = data


@dataclass
class Tally:
    """What became of one decoder's inputs. `slowest_s` is computing time."""

    name: str
    cases: int = 0
    taken: int = 0
    seconds: float = 0.0
    slowest_s: float = 0.0


def fuzz(seconds: float, seed: int) -> list[Tally]:
    """Raises Finding at the first input that did what it must not."""
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
        return [Tally(**each) for each in json.loads(text)]
    name, data = _last(shared)
    raise Finding(name, data, text or f"the process ended with {_ending(code)}")


def rounds(random: Random, targets: list[Decoder], count: int) -> list[Tally]:
    """`count` inputs for each target, in this process. Raises what the first finding raised, with a note that has the
    input."""
    tallies = [Tally(target.name) for target in targets]
    for target, tally in zip(targets, tallies, strict=True):
        for _ in range(count):
            data = next_input(target, random)
            try:
                one(target, data, tally)
            except Exception as error:
                error.add_note(f"{target.name}: {data!r}")
                raise
    return tallies


def next_input(target: Decoder, random: Random) -> bytes:
    if target.make is not None and random.random() < _MADE:
        data = target.make(random)[: target.longest]
    else:
        data = mutated(random, random.choice(target.seeds), target.seeds, target.longest)
    return target.repair(data) if target.repair is not None and random.random() < 0.8 else data


def one(target: Decoder, data: bytes, tally: Tally) -> None:
    began = time.process_time()
    try:
        tally.taken += target.run(data)
    except target.allowed:
        pass
    took = time.process_time() - began
    tally.cases += 1
    tally.slowest_s = max(tally.slowest_s, took)
    if took > _PATIENCE_S:
        raise TimeoutError(f"it took {took:.1f} s")


def _work(seconds: float, seed: int, shared: mmap.mmap, writing: int) -> None:
    """Ends the process: status 0 and the tallies, or 1 and what went wrong."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, _hangs)
    logging.disable(logging.CRITICAL)  # what is refused may be logged, thousands of times here
    code = 1
    try:
        tallies = _rounds(seconds, Random(seed), shared)
        os.write(writing, json.dumps([asdict(tally) for tally in tallies]).encode())
        code = 0
    except BaseException:  # noqa: BLE001 - whatever it is, it is the finding
        os.write(writing, traceback.format_exc(limit=-6).encode()[-4000:])
    os._exit(code)


def _rounds(seconds: float, random: Random, shared: mmap.mmap) -> list[Tally]:
    targets, end = decoders(), time.monotonic() + seconds
    tallies = [Tally(target.name) for target in targets]
    while time.monotonic() < end:
        for target, tally in zip(targets, tallies, strict=True):
            _turn(target, tally, random, shared)
    return tallies


def _turn(target: Decoder, tally: Tally, random: Random, shared: mmap.mmap) -> None:
    signal.alarm(_HANGS_S)
    name, began = target.name.encode(), time.monotonic()
    while time.monotonic() - began < _TURN_S:
        data = next_input(target, random)
        shared.seek(0)
        shared.write(bytes((len(name),)) + name + len(data).to_bytes(4, "little") + data)
        one(target, data, tally)
    tally.seconds += time.monotonic() - began
    signal.alarm(0)


def _hangs(*_: object) -> None:
    raise TimeoutError(f"not done after {_HANGS_S} s")


def _last(shared: mmap.mmap) -> tuple[str, bytes]:
    shared.seek(0)
    name = shared.read(shared.read(1)[0]).decode()
    return name, shared.read(int.from_bytes(shared.read(4), "little"))


def _ending(code: int) -> str:
    return f"status {code}" if code >= 0 else signal.Signals(-code).name


sys.setrecursionlimit(1000)
