"""Latency statistics of the client's own calls, over the last few thousand samples of each kind."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean

KEPT = 4096


@dataclass(frozen=True)
class LatencySummary:
    """Latencies in seconds, over the samples that are kept; `count` is of all calls ever made."""

    count: int
    mean: float
    p50: float
    p90: float
    p99: float
    max: float


class Latencies:
    """Latency samples by kind: "infer" for predictions, "api" for all else, "upload" for files."""

    def __init__(self) -> None:
        self._samples: dict[str, deque[float]] = {}
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()

    @contextmanager
    def timed(self, kind: str) -> Iterator[None]:
        """Measures the block; one that raises is no sample."""
        start = time.perf_counter()
        yield
        self.add(kind, time.perf_counter() - start)

    def add(self, kind: str, seconds: float) -> None:
        with self._lock:
            self._samples.setdefault(kind, deque(maxlen=KEPT)).append(seconds)
            self._counts[kind] = self._counts.get(kind, 0) + 1

    def summary(self, kind: str = "infer") -> LatencySummary | None:
        """Summarises one kind of call; None before the first."""
        with self._lock:
            ordered = sorted(self._samples.get(kind, ()))
            count = self._counts.get(kind, 0)
        if not ordered:
            return None
        return LatencySummary(
            count=count,
            mean=fmean(ordered),
            p50=_quantile(ordered, 0.50),
            p90=_quantile(ordered, 0.90),
            p99=_quantile(ordered, 0.99),
            max=ordered[-1],
        )


def _quantile(ordered: list[float], share: float) -> float:
    """The nearest-rank quantile: a value that was really measured."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
