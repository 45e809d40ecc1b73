"""The metrics of a gateway, written as Prometheus text.

prometheus_client's children cost about 1.5 µs an observation; six for every request would be a third of its time.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np

from bms.core.serving.snapshot import DeploymentEntry
from bms.protocols.frames import AnswerMeta
from bms.protocols.oip.statistics import VersionStatistics

Stage = Literal["parse", "queue", "compute", "dispatch", "encode", "total"]
STAGES: tuple[Stage, ...] = ("parse", "queue", "compute", "dispatch", "encode", "total")
BOUNDS = (
    0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip


_MOST_SIZES = (
    1024  # of runs of one version that are counted apart; clients choose them; what is beyond counts as 0 rows
)
Stages = tuple[float, float, float, float, float, float]  # seconds, in the order of STAGES


class StageHistograms:
    """Histograms of seconds by stage. Requests are put aside and counted a thousand at a time, which is the
    cheapest."""

    def __init__(self) -> None:
        self._bounds = np.array(BOUNDS)
        self._counts = np.zeros((len(STAGES), len(BOUNDS) + 1), dtype=np.int64)
        self._sums = np.zeros(len(STAGES))
        self._aside: list[Stages] = []

    def observe(self, stages: Stages) -> None:
        self._aside.append(stages)
        if len(self._aside) >= 1000:
            self._count()

    def read(self) -> list[tuple[Stage, list[int], float]]:
        """Returns every stage with the requests in each bucket (not cumulated) and its seconds in all."""
        self._count()
        return [(stage, self._counts[index].tolist(), float(self._sums[index])) for index, stage in enumerate(STAGES)]

    def _count(self) -> None:
        if not self._aside:
            return
        seconds = np.array(self._aside)
        self._aside.clear()
        self._sums += seconds.sum(axis=0)
        for index in range(len(STAGES)):
            buckets = np.searchsorted(self._bounds, seconds[:, index])
            self._counts[index] += np.bincount(buckets, minlength=len(BOUNDS) + 1)


class VersionCounts:
    """Counts for one version of one deployment in this gateway since it started. Times in nanoseconds, `last_ns` in
    Unix nanoseconds; failures count in `failed` and `failed_ns` alone."""

    __slots__ = (
        "batches",
        "compute_ns",
        "failed",
        "failed_ns",
        "last_ns",
        "name",
        "queue_ns",
        "rows",
        "statuses",
        "succeeded",
        "tenant",
        "total_ns",
    )

    def __init__(self, tenant: str, name: str) -> None:
        self.tenant = tenant
        self.name = name
        self.succeeded = self.failed = self.rows = 0
        self.batches: dict[int, list[float]] = {}  # by rows of a run: requests' parts of such, in ns too
        self.queue_ns = self.compute_ns = self.total_ns = self.failed_ns = self.last_ns = 0
        self.statuses: dict[int, int] = {}


class GatewayMetrics:
    """All metrics of one gateway. `gauges` are read when the text is written."""

    def __init__(self, slot: int) -> None:
        self._slot = slot
        self.stages = StageHistograms()
        self.requests = 0
        self.gauges: dict[str, tuple[str, Callable[[], float]]] = {}
        self.versions: dict[tuple[str, int], VersionCounts] = {}  # by deployment and version number
        self._direct: dict[int, int] = {}
        self._passed: dict[int, int] = {}
        self._ignored: dict[tuple[str, str], int] = {}  # by dialect and member

    def answered(
        self, entry: DeploymentEntry, version: int, status: int, rows: int, meta: AnswerMeta, now_ns: int, took_s: float
    ) -> None:
        """Counts one dispatched request that got its answer."""
        self.requests += 1
        counts = self.versions.get((entry.id, version))
        if counts is None:
            counts = self.versions[entry.id, version] = VersionCounts(entry.tenant, entry.name)
        statuses = counts.statuses
        statuses[status] = statuses.get(status, 0) + 1
        counts.last_ns = now_ns
        if status == 200:
            counts.succeeded += 1
            counts.rows += rows
            together = meta.batch if meta.batch > rows else rows
            seen = counts.batches.get(together)
            if seen is None:
                size = together if len(counts.batches) < _MOST_SIZES else 0
                seen = counts.batches.setdefault(size, [0.0, 0])
            seen[0] += rows / together
            seen[1] += meta.compute_ns  # which is its share
            counts.queue_ns += meta.queue_ns
            counts.compute_ns += meta.compute_ns
            counts.total_ns += int(took_s * 1e9)
        else:
            counts.failed += 1
            counts.failed_ns += int(took_s * 1e9)

    def statistics(self, deployment: str, version: int) -> VersionStatistics:
        """Returns the counts for one version of a deployment; `batches` add up each request's part of its run."""
        seen = self.versions.get((deployment, version))
        if seen is None:
            return VersionStatistics()
        return VersionStatistics(
            successes=seen.succeeded,
            failures=seen.failed,
            rows=seen.rows,
            batches=tuple([(rows, runs, int(ns)) for rows, (runs, ns) in seen.batches.items()]),
            queue_ns=seen.queue_ns,
            compute_ns=seen.compute_ns,
            total_ns=seen.total_ns,
            failed_ns=seen.failed_ns,
            last_ns=seen.last_ns,
        )

    def direct(self, status: int) -> None:
        """Counts one request that was answered without asking a model or control."""
        self._direct[status] = self._direct.get(status, 0) + 1

    def ignored(self, dialect: str, members: tuple[str, ...]) -> None:
        """Counts one request whose body had members that nothing reads."""
        for member in members:
            self._ignored[dialect, member] = self._ignored.get((dialect, member), 0) + 1

    def passed(self, status: int) -> None:
        """Counts one request that was answered by control, or should have been."""
        self._passed[status] = self._passed.get(status, 0) + 1

    def text(self, *, named: bool = False) -> str:
        """Returns Prometheus text, format 0.0.4. `named`: with tenants and names beside deployments' ids, for the
        operator alone; whoever reads `/metrics` shows no key, and names would tell tenants of one another."""
        gateway = f'gateway="{self._slot}"'
        lines = _head("bms_gateway_requests_total", "counter", "Requests answered after asking a model server.")
        for (deployment, version), counts in self.versions.items():
            labels = f'{gateway},deployment="{_escaped(deployment)}",version="{version}"'
            if named:
                labels += f',name="{_escaped(counts.name)}",tenant="{_escaped(counts.tenant)}"'
            for status, count in counts.statuses.items():
                lines.append(f'bms_gateway_requests_total{{{labels},code="{status}"}} {count}')
        lines += _head("bms_gateway_direct_total", "counter", "Requests answered without asking anyone.")
        lines += [f'bms_gateway_direct_total{{{gateway},code="{code}"}} {n}' for code, n in self._direct.items()]
        lines += _head("bms_gateway_passed_total", "counter", "Requests passed on to control.")
        lines += [f'bms_gateway_passed_total{{{gateway},code="{code}"}} {n}' for code, n in self._passed.items()]
        lines += _head("bms_gateway_ignored_members_total", "counter", "Members of bodies that nothing reads.")
        lines += [
            f'bms_gateway_ignored_members_total{{{gateway},dialect="{dialect}",member="{member}"}} {n}'
            for (dialect, member), n in self._ignored.items()
        ]
        lines += _head("bms_gateway_stage_seconds", "histogram", "Where the time of answered requests went.")
        for stage, buckets, seconds in self.stages.read():
            lines += _histogram(f'{gateway},stage="{stage}"', buckets, seconds)
        for name, (explanation, read) in self.gauges.items():
            lines += _head(name, "gauge", explanation)
            lines.append(f"{name}{{{gateway}}} {float(read())!r}")
        return "\n".join(lines) + "\n"


def _head(name: str, kind: str, explanation: str) -> list[str]:
    return [f"# HELP {name} {explanation}", f"# TYPE {name} {kind}"]


def _histogram(labels: str, counts: list[int], seconds: float) -> list[str]:
    lines, running = [], 0
    for bound, count in zip((*BOUNDS, "+Inf"), counts, strict=True):
        running += count
        lines.append(f'bms_gateway_stage_seconds_bucket{{{labels},le="{bound}"}} {running}')
    lines.append(f"bms_gateway_stage_seconds_sum{{{labels}}} {seconds:.9f}")
    lines.append(f"bms_gateway_stage_seconds_count{{{labels}}} {running}")
    return lines


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
