"""The statistics extension: how often a version was called, and for how long.

Source: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_statistics.md
"""

from collections.abc import Iterable
from typing import NamedTuple

import orjson


class VersionStatistics(NamedTuple):
    """Counts for one version since the counting process began. Times in nanoseconds."""

    successes: int = 0
    failures: int = 0
    rows: int = 0  # of successful requests
    batches: tuple[tuple[int, float, int], ...] = ()  # rows of a run, how many such runs, their time
    queue_ns: int = 0
    compute_ns: int = 0
    total_ns: int = 0  # of successful requests, from the head to the answer
    failed_ns: int = 0
    last_ns: int = 0  # Unix time of the last request; 0: there was none

    @property
    def executions(self) -> int:
        """How often the model ran."""
        return round(sum([runs for _, runs, _ in self.batches]))


def encode_statistics(counted: Iterable[tuple[str, int, VersionStatistics]]) -> bytes:
    """Encodes the answer of `…/stats`, by (name, version). What nobody measures or caches has the count 0."""
    return orjson.dumps({"model_stats": [_model(name, number, seen) for name, number, seen in counted]})


def _model(name: str, number: int, seen: VersionStatistics) -> dict[str, object]:
    return {
        "name": name,
        "version": str(number),
        "last_inference": seen.last_ns // 1_000_000,
        "inference_count": seen.rows,
        "execution_count": seen.executions,
        "inference_stats": {
            "success": _duration(seen.successes, seen.total_ns),
            "fail": _duration(seen.failures, seen.failed_ns),
            "queue": _duration(seen.successes, seen.queue_ns),
            "compute_input": _duration(0, 0),
            "compute_infer": _duration(seen.successes, seen.compute_ns),
            "compute_output": _duration(0, 0),
            "cache_hit": _duration(0, 0),
            "cache_miss": _duration(0, 0),
        },
        "response_stats": {},
        "batch_stats": [
            {
                "batch_size": rows,
                "compute_input": _duration(0, 0),
                "compute_infer": _duration(round(runs), ns),
                "compute_output": _duration(0, 0),
            }
            for rows, runs, ns in sorted(seen.batches)
            if rows and round(runs)
        ],
        "memory_usage": [],
    }


def _duration(count: int, ns: int) -> dict[str, int]:
    return {"count": count, "ns": ns}
