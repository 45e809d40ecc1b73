"""The metrics of a model server, and their Prometheus text.

The exposition format is that of https://prometheus.io/docs/instrumenting/exposition_formats/; it is written by hand
because a model's environment may hold nothing but NumPy and msgspec.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class LatencyHistogram:
    """Observations counted by upper bound."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        self._counts[bisect_left(self._bounds, value)] += times
        self.total += value * times

    @property
    def count(self) -> int:
        return sum(self._counts)

    def lines(self, name: str, labels: str) -> Iterable[str]:
        running = 0
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            running += count
            at = "+Inf" if bound == float("inf") else f"{bound:g}"
            yield f'{name}_bucket{{{labels},le="{at}"}} {running}'
        yield f"{name}_sum{{{labels}}} {self.total:.9g}"
        yield f"{name}_count{{{labels}}} {running}"


@dataclass
class SequenceCounts:
    """Counts the sequences of a stateful model: open now, begun, refused for too many, and given up as idle."""

    open: int = 0
    begun: int = 0
    refused: int = 0
    given_up: int = 0

    def lines(self, labels: str) -> Iterable[str]:
        for name, kind, about, value in (
            ("sequences_open", "gauge", "Sequences that may be gone on with.", self.open),
            ("sequences_total", "counter", "Sequences begun.", self.begun),
            ("sequences_refused_total", "counter", "First steps refused: no more are kept at once.", self.refused),
            ("sequences_given_up_total", "counter", "Sequences that nobody went on with in time.", self.given_up),
        ):
            yield from (*_head(name, kind, about), f"bms_model_server_{name}{{{labels}}} {value}")


@dataclass
class EngineCounts:
    """Counts the requests of a model with an engine: in progress, waiting for a place, and refused for want of one."""

    in_progress: int = 0
    waiting: int = 0
    refused: int = 0

    def lines(self, labels: str) -> Iterable[str]:
        for name, kind, about, value in (
            ("engine_in_progress", "gauge", "Requests that the engine runs now.", self.in_progress),
            ("engine_waiting", "gauge", "Requests that wait until the engine takes more.", self.waiting),
            ("engine_refused_total", "counter", "Requests refused: as many wait as may.", self.refused),
        ):
            yield from (*_head(name, kind, about), f"bms_model_server_{name}{{{labels}}} {value}")


class ModelServerMetrics:
    """Counters of one model server's life. `errors` counts by canonical code; cancelled calls count as such."""

    def __init__(self) -> None:
        self.requests = 0
        self.rows = 0
        self.batches = 0
        self.compute_ns = 0
        self.padded_rows = 0
        self.left: dict[str, int] = dict.fromkeys(("full", "timer", "idle", "deadline"), 0)
        self.in_loop = 0
        self.errors: dict[str, int] = {}
        self.sequences: SequenceCounts | None = None  # from the first step of one on
        self.engine: EngineCounts | None = None
        self.queue_seconds = LatencyHistogram(_SECONDS)
        self.compute_seconds = LatencyHistogram(_SECONDS)
        self.batch_rows = LatencyHistogram(_ROWS)

    def answered(self, rows: int, queue_ns: int, calls: int = 1) -> None:
        """Counts `calls` answered calls of one micro-batch, which have `rows` rows together."""
        self.requests += calls
        self.rows += rows
        self.queue_seconds.observe(queue_ns / 1e9, calls)

    def ran(self, rows: int, compute_ns: int, padded: int = 0) -> None:
        """Counts one run of `rows` rows of requests and `padded` rows of padding."""
        self.batches += 1
        self.compute_ns += compute_ns
        self.padded_rows += padded
        self.compute_seconds.observe(compute_ns / 1e9)
        self.batch_rows.observe(rows)

    def failed(self, code: str, calls: int = 1) -> None:
        self.requests += calls
        self.errors[code] = self.errors.get(code, 0) + calls

    def text(self, *, replica: str, model: str, version: int, in_flight: int, memory: int) -> str:
        """Returns the exposition of all of it, every series with these labels."""
        labels = f'replica="{_escaped(replica)}",model="{_escaped(model)}",version="{version}"'
        lines: list[str] = []
        for name, kind, about, value in (
            ("requests_total", "counter", "Requests ended, errors included.", self.requests),
            ("rows_total", "counter", "Rows answered.", self.rows),
            ("padded_rows_total", "counter", "Rows added to fill a run up to an allowed size.", self.padded_rows),
            ("loop_batches_total", "counter", "Batches short enough to run in the loop's thread.", self.in_loop),
            ("in_flight", "gauge", "Requests accepted and not yet ended.", in_flight),
            ("resident_bytes", "gauge", "Resident memory of the process.", memory),
        ):
            lines += [*_head(name, kind, about), f"bms_model_server_{name}{{{labels}}} {value}"]
        if self.sequences is not None:
            lines += self.sequences.lines(labels)
        if self.engine is not None:
            lines += self.engine.lines(labels)
        lines += _head("errors_total", "counter", "Requests ended by an error, by canonical code.")
        lines += [
            f'bms_model_server_errors_total{{{labels},code="{code}"}} {count}'
            for code, count in sorted(self.errors.items())
        ]
        lines += _head("batches_total", "counter", "Batches, by why they were not held for more rows.")
        lines += [
            f'bms_model_server_batches_total{{{labels},reason="{reason}"}} {count}'
            for reason, count in self.left.items()
        ]
        for name, about, histogram in (
            ("queue_seconds", "Time a request waited before its run began.", self.queue_seconds),
            ("compute_seconds", "Time of one run of the model.", self.compute_seconds),
            ("batch_rows", "Rows in one run of the model.", self.batch_rows),
        ):
            lines += [*_head(name, "histogram", about), *histogram.lines(f"bms_model_server_{name}", labels)]
        return "\n".join(lines) + "\n"


def _head(name: str, kind: str, about: str) -> list[str]:
    return [f"# HELP bms_model_server_{name} {about}", f"# TYPE bms_model_server_{name} {kind}"]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
