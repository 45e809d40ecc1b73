"""The job as its code sees it: parameters, inputs, output directories, progress and metrics.

A script defines

    from bms.adapters.toolkits.job_context import Job

    def main(job: Job) -> dict[str, object] | None: ...

and the returned dictionary becomes the job's report. A script without such a `main` runs as if started by
hand, and may call `current_job()`. What is printed or logged goes to the job's log.
"""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import SupportsFloat, cast

import msgspec

from bms.core.clock import Clock
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.formats.json_numbers import JsonNumber, json_number
from bms.core.workloads.programs import JobConfig, JobEvent, Places, StdinSecrets

MAX_EVENTS = 4 * 2**20  # bytes of events.jsonl; the platform keeps no more
MAX_MESSAGE = 4000  # characters; in JSON a character takes at most 12 bytes, and a line shall stay under 64 kB
MAX_NAME = 200
MAX_METRICS = 1000  # names
_METRICS_PER_EVENT = 20
_LAST_WORDS = "this job has reported too many events: further ones are left out"


class JobCancelled(BaseException):
    """Raised in the main thread when the job is to end; clean up and let it pass."""


class JobContext:
    """One attempt of one job, as its code sees it. Safe to use from several threads.

    `inputs` maps names to read-only directories; what lies in `output` at the end is kept as the job's output;
    `checkpoint` is a directory for whatever a later attempt could go on from; `threads` is how many to use. `sealed`
    is for the platform's own tasks: a job with code is handed nothing.
    """

    def __init__(self, config: JobConfig, places: Places, clock: Clock, sealed: StdinSecrets = StdinSecrets()) -> None:
        directory = Path(places.directory)
        self.id = config.job
        self.attempt = config.attempt
        self.parameters = config.parameters
        self.inputs = {name: Path(path) for name, path in places.inputs.items()}
        self.output = directory / "output"
        self.checkpoint = directory / "checkpoint"
        self.threads = config.threads
        self.sealed = sealed
        self._clock = clock
        self._metrics: dict[str, JsonNumber] = {}
        self._lock = Lock()
        self._events = os.open(directory / "events.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._room = MAX_EVENTS - os.fstat(self._events).st_size

    def progress(self, fraction: float, message: str = "") -> None:
        """Reports progress: how much is done, 0 to 1, and what is being done. Raises InvalidArgument for what is not a
        number."""
        done = float(fraction)
        if math.isnan(done):
            raise InvalidArgument("progress is not a number: expected a fraction from 0 to 1")
        self._tell(JobEvent(at=self._now(), progress=min(1.0, max(0.0, done)), message=str(message)[:MAX_MESSAGE]))

    def metric(self, name: str, value: SupportsFloat, step: int | None = None) -> None:
        """Reports a metric, with the step (epoch, batch) it belongs to. The last one of a name is the job's result, be
        it NaN or infinite. Raises InvalidArgument for what is not a figure."""
        self.metrics({name: value}, step)

    def metrics(self, values: Mapping[str, SupportsFloat], step: int | None = None) -> None:
        """Reports several metrics of one step."""
        told = {_metric_name(name): json_number(_number(name, value)) for name, value in values.items()}
        at = self._now()
        with self._lock:
            if len(self._metrics.keys() | told.keys()) > MAX_METRICS:
                raise InvalidArgument(f"a job may have {MAX_METRICS} metrics: tell a series by its step, not its name")
            self._metrics.update(told)
        names = list(told)
        for first in range(0, len(names), _METRICS_PER_EVENT):
            part = {name: told[name] for name in names[first : first + _METRICS_PER_EVENT]}
            self._tell(JobEvent(at=at, metrics=part, step=step))

    def last_metrics(self) -> dict[str, JsonNumber]:
        """The last value of each metric."""
        with self._lock:
            return dict(self._metrics)

    def _tell(self, event: JobEvent) -> None:
        line = msgspec.json.encode(event) + b"\n"
        with self._lock:
            if self._room < 0:
                return
            self._room -= len(line)
            if self._room < 0:
                line = msgspec.json.encode(JobEvent(at=event.at, message=_LAST_WORDS)) + b"\n"
            os.write(self._events, line)

    def _now(self) -> int:
        return int(self._clock.now().timestamp() * 1e9)


_current: JobContext | None = None


def current_job() -> JobContext:
    """The job that this process runs. Raises FailedPrecondition outside a job."""
    if _current is None:
        raise FailedPrecondition("this process runs no job: start the script as a job, or pass it a stand-in")
    return _current


def enter(job: JobContext) -> None:
    """Makes `job` the current one; for the harness."""
    global _current
    _current = job


def _metric_name(name: object) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
        raise InvalidArgument(f"metric name {str(name)[:80]!r} is not valid: expected 1 to {MAX_NAME} characters")
    return name


def _number(name: str, value: SupportsFloat) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        kind = type(cast(object, value)).__name__
        raise InvalidArgument(f"metric {name} is a {kind}: expected one number") from None
