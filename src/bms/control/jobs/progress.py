"""Parses the events that a running job writes, and applies them to its row. Pure; the lines are a tenant's, so all is
bounded."""

import math

import msgspec

from bms.control.jobs.nouns import Job
from bms.core.formats.json_numbers import JsonNumber, json_numbers
from bms.core.workloads.programs import JobEvent, JobResult

MAX_METRICS = 500
MAX_TEXT = 2000
_EVENT = msgspec.json.Decoder(JobEvent)


def parse_lines(data: bytes) -> list[JobEvent]:
    """The events among whole lines; a line that is none is passed over, because a job may write anything there."""
    events = []
    for line in data.splitlines():
        try:
            event = _EVENT.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        events.append(
            JobEvent(
                at=max(0, min(event.at, 2**63 - 1)),
                progress=None if event.progress is None else _share(event.progress),
                message=clean(event.message),
                metrics=clean_metrics(event.metrics),
                step=event.step,
            )
        )
    return events


def whole_lines(data: bytes, limit: int) -> int:
    """The number of bytes of `data` that are whole lines; all of it where a single line fills the `limit` it was read
    with."""
    end = data.rfind(b"\n") + 1
    return len(data) if end == 0 and len(data) >= limit else end


def shown(job: Job, events: list[JobEvent]) -> Job:
    """The job's row after `events`: of every metric the last value counts."""
    progress, message, metrics = job.progress, job.message, dict(job.metrics)
    for event in events:
        progress = progress if event.progress is None else event.progress
        message = event.message or message
        metrics.update(event.metrics)
    return msgspec.structs.replace(job, progress=progress, message=message, metrics=_bounded(metrics))


def clean_result(result: JobResult) -> JobResult:
    """The result with texts and metrics cut to what a row can hold."""
    return msgspec.structs.replace(result, error=clean(result.error), metrics=clean_metrics(result.metrics))


def clean(text: str) -> str:
    """The text cut to MAX_TEXT printable characters, lines kept: the end of a longer one, where errors say what
    happened."""
    if len(text) > MAX_TEXT:
        text = "…" + text[1 - MAX_TEXT :]
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "\ufffd" for letter in text)


def clean_metrics(metrics: dict[str, JsonNumber]) -> dict[str, JsonNumber]:
    """The metrics under printable names; a value that is no finite number is reported as that."""
    return _bounded({clean(name)[:200]: value for name, value in json_numbers(metrics).items()})


def _bounded(metrics: dict[str, JsonNumber]) -> dict[str, JsonNumber]:
    return dict(list(metrics.items())[:MAX_METRICS])


def _share(value: float) -> float:
    return min(1.0, max(0.0, value)) if math.isfinite(value) else 0.0
