"""What is wanted of BMS beside the others, and how far it is: pure arithmetic on what was measured."""

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from measuring.report import Spread
from systems.catalogue import GRPCIO, PYTHON
from systems.measure import Measured

Seen = Mapping[tuple[str, str, int], Sequence[Measured]]
_TRITON = ("triton",)


class Aim(NamedTuple):
    """`factor` × each of `others` at least; with `latency`, a median latency of at most `factor` × theirs."""

    what: str
    case: str
    connections: int
    others: tuple[str, ...]
    factor: float
    latency: bool = False


class Found(NamedTuple):
    """`against` is the other that stands closest; `ratio` BMS's figure over its figure; None where nothing compares."""

    aim: Aim
    against: str | None
    ratio: Spread | None

    @property
    def met(self) -> bool | None:
        if self.ratio is None:
            return None
        middle = self.ratio.median
        return middle <= self.aim.factor if self.aim.latency else middle >= self.aim.factor


AIMS = (
    Aim("rows, JSON: Triton as shipped", "row-json", 64, _TRITON, 2),
    Aim("rows, JSON: best Python peer", "row-json", 64, PYTHON, 6),
    Aim("rows, JSON: bare prototype with hop", "row-json", 64, ("prototype",), 0.6),
    Aim("rows, JSON: bare prototype with hop, fresh heads", "row-heads", 64, ("prototype",), 0.6),
    Aim("rows, JSON: p50 at one connection", "row-json", 1, PYTHON, 1, latency=True),
    Aim("image, binary: Triton and every Python peer", "image-binary", 16, (*_TRITON, *PYTHON), 2),
    Aim("image, JSON: Triton and every Python peer", "image-json", 16, (*_TRITON, *PYTHON), 2.5),
    Aim("gRPC: grpcio-based peers", "row-grpc", 64, GRPCIO, 4),
    Aim("gRPC: Triton as shipped", "row-grpc", 64, _TRITON, 1),
    Aim("rows, JSON: Triton with a C++ ONNX Runtime backend", "row-json", 64, ("triton-onnx",), 2),
    Aim("gRPC: Triton with a C++ ONNX Runtime backend", "row-grpc", 64, ("triton-onnx",), 1),
)


def judge(seen: Seen, aims: Sequence[Aim] = AIMS) -> list[Found]:
    """Each aim against whoever of its others stands closest."""
    found = []
    for aim in aims:
        ours = seen.get((aim.case, "bms", aim.connections), ())
        ratios = {}
        for other in aim.others:
            theirs = seen.get((aim.case, other, aim.connections), ())
            if ours and theirs:
                ratios[other] = p50_ratio(ours, theirs) if aim.latency else ratio(ours, theirs)
        if not ratios:
            found.append(Found(aim, None, None))
            continue
        pick = max if aim.latency else min
        closest = pick(ratios, key=lambda name: ratios[name].median)
        found.append(Found(aim, closest, ratios[closest]))
    return found


def ratio(ours: Sequence[Measured], theirs: Sequence[Measured]) -> Spread:
    """Round by round, requests per CPU second of all processes or requests per second, whichever is worse for us."""
    cpu = [mine.per_cpu_s() / their.per_cpu_s() for mine, their in zip(ours, theirs, strict=False)]
    wall = [mine.load.per_s / their.load.per_s for mine, their in zip(ours, theirs, strict=False)]
    return Spread.of(min(cpu, wall, key=statistics.median))


def p50_ratio(ours: Sequence[Measured], theirs: Sequence[Measured]) -> Spread:
    return Spread.of([mine.load.p50_us / their.load.p50_us for mine, their in zip(ours, theirs, strict=False)])
