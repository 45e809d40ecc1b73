"""Parses and formats gates: `accuracy:fruit:test>=0.9`, `rmse:price<=30`."""

import math
import re
from collections.abc import Iterable

import typer

from bms.sdk.models import Gate, GateResult, GateStanding

FORM = "METRIC:DATASET[:SPLIT]>=NUMBER, or <=NUMBER where lower is better"
_GATE = re.compile(r"\s*([^:<>=]+):([^:<>=]+)(?::([^:<>=]+))?(>=|<=)\s*(\S+)\s*")


def gate_of(text: str) -> Gate:
    """Parses a gate. Raises BadParameter for what is not of that form; which metrics there are, and which way is
    better, the server says."""
    found = _GATE.fullmatch(text)
    number = _number(found[5]) if found is not None else None
    if found is None or number is None:
        raise typer.BadParameter(f"{text!r} is no gate: write for example accuracy:digits:validation>=0.95, or {FORM}")
    minimum, maximum = (number, None) if found[4] == ">=" else (None, number)
    metric, dataset, split = (part.strip() for part in (found[1], found[2], found[3] or "validation"))
    return Gate(metric=metric, dataset=dataset, split=split, minimum=minimum, maximum=maximum)


def gate_text(gate: Gate) -> str:
    """Formats a gate briefly: `rmse ≤ 30`."""
    return f"{gate.metric} {'≥' if gate.maximum is None else '≤'} {_bound(gate):g}"


def bound_text(gate: Gate | GateResult | GateStanding) -> str:
    """Formats a gate's bound: `at least 0.9`."""
    return f"at {'least' if gate.maximum is None else 'most'} {_bound(gate):g}"


def value_text(result: GateResult) -> str:
    """Formats a measured value briefly."""
    if result.value is None:
        return "not measurable" if result.reason else "being measured"
    return f"{result.value:.4g}"


def matches_gate(result: GateResult, gates: Iterable[Gate]) -> bool:
    """Whether a measured result belongs to one of the gates that a model has now."""
    return any(
        (gate.metric, gate.split) == (result.metric, result.split) and gate.dataset in (result.gate, result.dataset)
        for gate in gates
    )


def _bound(gate: Gate | GateResult | GateStanding) -> float:
    return next(one for one in (gate.minimum, gate.maximum, float("nan")) if one is not None)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
