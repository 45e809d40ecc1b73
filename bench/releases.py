"""The hot path beside that of another revision, in pairs: `make bench-releases BASE=REVISION [CONNECTIONS=16]`,
`ONLY=oip-json,oip-grpc` for some of its wires, whose page goes to build/bench.

Rows by five wires, and images by two.

Both run at the same time, each its own platform, with this checkout's interpreter and libraries. Only one is asked at a
time, each in turn the first of a pair; what is judged is the CPU time of gateway and model server per request, which
other work on the machine disturbs less than requests per second.
"""

import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from measuring.loads import closed_loop, generators
from measuring.machine import LOAD_CORE, QUICK, ROOT, SERVER_CORE, Strangers, busy_seconds, cpu_seconds, pin, prepare
from measuring.models import IMAGE, MODELS
from measuring.platform import Platform
from measuring.report import Report, Spread
from measuring.requests import Target, oip_binary, oip_grpc, oip_json, tfs_grpc, tfs_json
from systems.measure import length_of

PAIRS = 3 if QUICK else 20
SECONDS = 1.0 if QUICK else 2.0
CONNECTIONS = int(os.environ.get("CONNECTIONS", "16"))
BESIDE = ("supervisor", "control")
WIRES: dict[str, Callable[[int, str], Target]] = {
    "oip-json": oip_json,
    "oip-binary": oip_binary,
    "tfs-json": tfs_json,
    "oip-grpc": oip_grpc,
    "tfs-grpc": tfs_grpc,
    "image-json": partial(oip_json, model=IMAGE.name, of=IMAGE),
    "image-binary": partial(oip_binary, model=IMAGE.name, of=IMAGE),
}


class Side:
    """One revision's platform, with both models deployed; gateway and model server share the server's core."""

    def __init__(self, source: Path | None) -> None:
        self.platform = Platform(source=source)
        self.lengths: dict[str, int] = {}  # of a good answer, by wire

    def start(self) -> None:
        self.platform.__enter__()
        for model in MODELS:
            self.platform.push(model.name, model.path)
            self.platform.deploy(model.name)
        for part, pids in self.platform.pids().items():
            for pid in pids:
                pin(pid, LOAD_CORE if part in BESIDE else SERVER_CORE)

    def per_request_us(self, wire: str, strangers: Strangers) -> float:
        """CPU microseconds of gateway and model server for a request."""
        target = WIRES[wire](self.platform.port, self.platform.key)
        length = self.lengths.get(wire) or length_of(wire, target)
        self.lengths[wire] = length
        pids = [
            pid for part, all in self.platform.pids().items() for pid in all if part not in ("supervisor", "control")
        ]
        busy, before = busy_seconds(), cpu_seconds(pids)
        load = closed_loop(target, CONNECTIONS, SECONDS, length)
        used = cpu_seconds(pids) - before
        strangers.note(load.seconds, busy_seconds() - busy, used + load.seconds)
        if load.errors or not load.requests:
            raise RuntimeError(f"{wire}: {load.errors} of {load.requests} requests failed")
        return used / load.requests * 1e6


def main() -> None:
    prepare()
    pin(os.getpid(), LOAD_CORE)
    base = os.environ.get("BASE", "") or sys.exit("say which revision to compare with: make bench-releases BASE=…")
    folder = Path(tempfile.mkdtemp(prefix="bms-base-"))
    sides: list[Side] = []
    strangers = Strangers()
    chosen = os.environ.get("ONLY", "").replace(",", " ").split() or list(WIRES)
    report = Report("releases", f"The hot path beside {base}", __doc__ or "", trial=len(chosen) < len(WIRES))
    try:
        archive = subprocess.run(["git", "archive", base, "src"], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
        for source in (folder / "src", None):
            sides.append(Side(source))
            sides[-1].start()
        report.facts(**generators(), pairs=str(PAIRS), connections=str(CONNECTIONS))
        rows = [_compared(wire, sides, strangers) for wire in chosen]
    finally:
        for side in sides:
            side.platform.remove()
        shutil.rmtree(folder)
    report.section(
        "CPU per request, µs",
        ("wire", base, "this", "this / base, median of pairs", "95 % interval"),
        rows,
        "The interval is the bootstrap's of the median of the pairs' ratios.",
        digits=1,
    )
    report.strangers(strangers.worst)
    report.write()


def _compared(wire: str, sides: Sequence[Side], strangers: Strangers) -> tuple[object, ...]:
    for side in sides:
        side.per_request_us(wire, Strangers())  # warm
    pairs = [_pair(wire, sides, strangers, turn) for turn in range(PAIRS)]
    ratios = [new / old for old, new in pairs]
    low, high = _interval(ratios)
    old, new = (Spread.of([pair[side] for pair in pairs]) for side in (0, 1))
    return wire, old, new, f"{statistics.median(ratios):.3f}", f"{low:.3f}–{high:.3f}"


def _pair(wire: str, sides: Sequence[Side], strangers: Strangers, turn: int) -> tuple[float, ...]:
    """Of both sides, in their order; which is asked first changes from turn to turn."""
    order = (0, 1) if turn % 2 == 0 else (1, 0)
    used = {place: sides[place].per_request_us(wire, strangers) for place in order}
    return used[0], used[1]


def _interval(ratios: Sequence[float]) -> tuple[float, float]:
    draw = random.Random(0)
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(2000))
    return medians[50], medians[1949]


if __name__ == "__main__":
    main()
