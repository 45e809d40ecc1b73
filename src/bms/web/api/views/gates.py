"""Converts gates and their measurements into answers of the API."""

from bms.api_types import gates
from bms.control.models.nouns import Gate, GateResult, GateStanding


def gate(one: Gate) -> gates.Gate:
    return gates.Gate(metric=one.metric, dataset=one.dataset, minimum=one.minimum, maximum=one.maximum, split=one.split)


def result(one: GateResult) -> gates.GateResult:
    return gates.GateResult(
        metric=one.metric,
        gate=one.gate,
        dataset=one.dataset,
        split=one.split,
        minimum=one.minimum,
        maximum=one.maximum,
        value=one.value,
        passed=one.passed,
        job=one.job,
        at=one.at,
        note=one.note,
        reason=one.reason,
        tried=one.tried,
    )


def standing(one: GateStanding) -> gates.GateStanding:
    return gates.GateStanding(
        metric=one.metric,
        dataset=one.dataset,
        split=one.split,
        minimum=one.minimum,
        maximum=one.maximum,
        state=one.state,
        why=one.why,
        result=None if one.result is None else result(one.result),
    )
