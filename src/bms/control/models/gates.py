"""Whether a version reached what its model asks for."""

import math
from collections.abc import Sequence

from bms.control.models.nouns import Gate, GateResult
from bms.core.errors import InvalidArgument
from bms.core.metrics import metric_named


def check_gate(gate: Gate) -> Gate:
    """Raises InvalidArgument for a metric that there is not, and for a bound on the side that would let bad ones pass,
    with the gate as it is to be written."""
    metric = metric_named(gate.metric)
    if (gate.minimum is None) == (gate.maximum is None):
        raise InvalidArgument(f"a gate has either a `minimum` or a `maximum`: {gate.metric!r} takes a `{_side(gate)}`")
    if not math.isfinite(bound(gate)):
        raise InvalidArgument(f"the bound of gate {gate.metric!r} is {bound(gate)}, expected a finite number")
    if getattr(gate, _side(gate)) is None:
        raise InvalidArgument(
            f"{gate.metric!r} is the better the {metric.better} it is: a gate asks for "
            f"{'at least' if metric.better == 'higher' else 'at most'}, write {text(gate)!r} (`{_side(gate)}`)"
        )
    return gate


def bound(gate: Gate | GateResult) -> float:
    """The number that a gate asks for, whichever side it is."""
    return next(one for one in (gate.minimum, gate.maximum, math.nan) if one is not None)


def text(gate: Gate) -> str:
    """As the command line writes it, with the sign that its metric has."""
    return f"{gate.metric}:{gate.dataset}:{gate.split}{metric_named(gate.metric).sign}{bound(gate):g}"


def asked(gate: Gate | GateResult) -> str:
    """For people."""
    return f"at {'least' if gate.maximum is None else 'most'} {bound(gate):g} is asked"


def reached(gate: Gate, value: float) -> bool:
    """False also for what is no number."""
    return value >= gate.minimum if gate.minimum is not None else value <= bound(gate)


def with_result(results: tuple[GateResult, ...], new: GateResult) -> tuple[GateResult, ...]:
    """`results` with `new` last, in place of an earlier measurement of the same.

    Raises InvalidArgument for a value that is not a finite number.
    """
    if not math.isfinite(new.value):
        raise InvalidArgument(f"{new.metric!r} on {new.dataset} is {new.value}, expected a finite number")
    return (*(old for old in results if _key(old) != _key(new)), new)


def unmet(gates: Sequence[Gate], results: Sequence[GateResult]) -> list[str]:
    """For people: every gate that is missing its measurement or was failed, by the gates as they are now."""
    words = []
    for gate in gates:
        measured = [result for result in results if _measures(result, gate)]
        newest = max(measured, key=lambda result: result.at, default=None)
        what = f"{gate.metric} on {gate.dataset} ({gate.split})"
        if (why := wrong(gate)) is not None:
            words.append(f"{what} is no gate any more: {why}")
        elif newest is None:
            words.append(f"{what} was not measured, {asked(gate)}")
        elif not reached(gate, newest.value):
            words.append(f"{what} is {newest.value:g}, {asked(gate)}")
    return words


def wrong(gate: Gate) -> str | None:
    """Why a stored gate can't be judged: one that was made before metrics had names and directions."""
    try:
        check_gate(gate)
    except InvalidArgument as error:
        return error.message
    return None


def _side(gate: Gate) -> str:
    return "minimum" if metric_named(gate.metric).better == "higher" else "maximum"


def _measures(result: GateResult, gate: Gate) -> bool:
    same = (result.metric, result.split) == (gate.metric, gate.split)
    return same and (result.dataset == gate.dataset or result.dataset.startswith(gate.dataset + "@"))


def _key(result: GateResult) -> tuple[str, str, str]:
    return (result.metric, result.dataset, result.split)
