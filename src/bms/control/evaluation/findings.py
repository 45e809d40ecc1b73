"""Turns the report of an evaluation job into gate results. A model's code may have written any of it."""

import math
from collections.abc import Mapping
from datetime import datetime

from bms.control.jobs.nouns import Job
from bms.control.models.gates import reached
from bms.control.models.nouns import Gate, GateResult
from bms.control.models.verdicts import plain
from bms.core.formats.json_numbers import as_float
from bms.core.metrics import METRICS

MAX_NOTE, MAX_REASON = 500, 1000  # characters


def result_of(job: Job, gate: Gate, at: datetime) -> GateResult:
    """The gate result of an ended job: the measured value, or why there is none."""
    value = as_float(job.metrics[gate.metric]) if job.state == "succeeded" and gate.metric in job.metrics else None
    measured = value is not None and math.isfinite(value)
    return GateResult(
        metric=gate.metric,
        gate=gate.dataset,
        dataset=job.spec.inputs[1].reference,
        split=gate.split,
        minimum=gate.minimum,
        maximum=gate.maximum,
        value=value if measured else None,
        passed=value is not None and measured and reached(gate, value),
        job=job.id,
        at=at,
        note=_note(job),
        reason="" if measured else plain(unmeasured(job, gate.metric), MAX_REASON),
    )


def _note(job: Job) -> str:
    """The note on how data and model were joined."""
    joined = job.report.get("joined")
    note = "; ".join(map(str, joined)) if isinstance(joined, list | tuple) else ""
    return "".join(letter if letter.isprintable() else " " for letter in note)[:MAX_NOTE]


def unmeasured(job: Job, metric: str) -> str:
    """The reason why an ended job gives a gate no value."""
    if job.state != "succeeded":
        return f"job {job.id} {'was' if job.state in ('cancelled', 'lost') else 'has'} {job.state}" + (
            f": {job.error}" if job.error else ""
        )
    if metric in job.metrics:
        return f"job {job.id} measured {job.metrics[metric]}, which is no number to hold against another"
    undefined = job.report.get("undefined")
    if isinstance(undefined, Mapping) and metric in undefined:
        return f"on these rows there is no {metric!r}: {undefined[metric]}"
    known = METRICS.get(metric)
    others = ", ".join(name for name in job.metrics if name in METRICS) or "nothing"
    if known is not None and job.report.get("kind") not in (None, known.kind):
        return (
            f"{metric!r} is of {known.kind}, and what the model answers is {job.report['kind']}: measured were {others}"
        )
    return f"job {job.id} measured {others}"
