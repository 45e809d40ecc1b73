"""Judges whether a version reached its model's gates. Pure."""

import math
from collections.abc import Sequence
from datetime import datetime

from msgspec import structs

from bms.control.models.nouns import Gate, GateResult, GateStanding, GateState
from bms.core.errors import InvalidArgument
from bms.core.metrics import METRICS, metric_named


def check_gate(gate: Gate) -> Gate:
    """Checks a gate and returns it in its normal form. Raises InvalidArgument for an unknown metric, for a bound on the
    side that would let bad ones pass, and for a bound that is better than the best, which no version could reach."""
    metric = metric_named(gate.metric)
    if (gate.minimum is None) == (gate.maximum is None):
        raise InvalidArgument(f"a gate has either a `minimum` or a `maximum`: {gate.metric!r} takes a `{_side(gate)}`")
    if not math.isfinite(bound(gate)):
        raise InvalidArgument(f"the bound of gate {gate.metric!r} is {bound(gate)}, expected a finite number")
    if getattr(gate, _side(gate)) is None:
        raise InvalidArgument(
            f"a {metric.better} {gate.metric!r} is better, so a gate asks for "
            f"{'at least' if metric.better == 'higher' else 'at most'} a value: write {text(gate)!r} (`{_side(gate)}`)"
        )
    if metric.better_than_best(bound(gate)):
        raise InvalidArgument(
            f"no version could pass: {asked(gate)} of {gate.metric!r}, and its best possible value is {metric.best:g}"
        )
    return gate


def bound(gate: Gate | GateResult) -> float:
    """The number that the gate asks for, whichever side it is."""
    return next(one for one in (gate.minimum, gate.maximum, math.nan) if one is not None)


def text(gate: Gate) -> str:
    """The gate as the command line writes it, with its metric's sign or, where there is no such metric, the given
    one."""
    known = METRICS.get(gate.metric)
    sign = known.sign if known is not None else "<=" if gate.minimum is None else ">="
    return f"{gate.metric}:{gate.dataset}:{gate.split}{sign}{bound(gate):g}"


def asked(gate: Gate | GateResult) -> str:
    """The gate's requirement for people."""
    return f"at {'least' if gate.maximum is None else 'most'} {bound(gate):g} is asked"


def reached(gate: Gate, value: float) -> bool:
    """Whether the value passes the gate; False also for what is no number."""
    return value >= gate.minimum if gate.minimum is not None else value <= bound(gate)


def with_result(results: tuple[GateResult, ...], new: GateResult) -> tuple[GateResult, ...]:
    """The `results` with `new` last, in place of an earlier one of the same gate, and of those without a value on
    another version of the data set. A measured value stays where the same could not be measured again, with the reason.

    Raises InvalidArgument for a value that is not a finite number.
    """
    if new.value is None:
        kept = [old for old in results if old.value is not None and _replaces(new, old)]
        if kept:
            new = structs.replace(kept[-1], gate=new.gate, reason=new.reason, tried=new.job)
    elif not math.isfinite(new.value):
        raise InvalidArgument(f"{new.metric!r} on {new.dataset} is {new.value}, expected a finite number")
    return (*(old for old in results if not _replaces(new, old) and not _given_up_for(old, new)), new)


def awaited(gates: Sequence[Gate], at: datetime) -> tuple[GateResult, ...]:
    """The results of gates whose measuring begins."""
    return tuple(
        GateResult(
            metric=gate.metric,
            gate=gate.dataset,
            dataset=gate.dataset,
            split=gate.split,
            minimum=gate.minimum,
            maximum=gate.maximum,
            at=at,
        )
        for gate in gates
    )


def standings(gates: Sequence[Gate], results: Sequence[GateResult]) -> list[GateStanding]:
    """The standing of a version with each gate, by its newest result, by the gates as they are now."""
    return [_standing(gate, results) for gate in gates]


def unmet(gates: Sequence[Gate], results: Sequence[GateResult]) -> list[str]:
    """Every gate that was failed or is not measured, for people, by the gates as they are now."""
    return [standing.why for standing in standings(gates, results) if standing.state != "passed"]


def refusal(model: str, number: int, standings: Sequence[GateStanding]) -> str | None:
    """The refusal for people: every gate that is not passed, and what to do. None where all are."""
    left = [standing for standing in standings if standing.state != "passed"]
    if not left:
        return None
    states = {standing.state for standing in left}
    if "measuring" in states:
        advice = f"Wait for it by `bms model gates {model} {number} --wait`, c"
    elif states != {"failed"}:
        advice = f"Measure it by `bms model evaluate {model} {number} --wait`, c"
    else:
        advice = "C"
    return f"{'; '.join(standing.why for standing in left)}. {advice}hoose another version, or let an admin --force it"


def _standing(gate: Gate, results: Sequence[GateResult]) -> GateStanding:
    found = [result for result in results if _measures(result, gate)]
    own = [result for result in found if result.gate == gate.dataset]  # who waits for its job waits for this one
    newest = max(reversed(own or found), key=lambda result: result.at, default=None)
    state, why = _judged(gate, newest)
    return GateStanding(
        metric=gate.metric,
        dataset=gate.dataset,
        split=gate.split,
        minimum=gate.minimum,
        maximum=gate.maximum,
        state=state,
        why=f"{gate.metric} on {gate.dataset} ({gate.split}) {why}" if why else "",
        result=newest,
    )


def _judged(gate: Gate, newest: GateResult | None) -> tuple[GateState, str]:
    if (why := wrong(gate)) is not None:
        return "unmeasurable", f"is no gate any more: {why}"
    if newest is None:
        return "not measured", f"was not measured, {asked(gate)}"
    if newest.value is None:
        if newest.reason:
            return "unmeasurable", f"can't be measured, {asked(gate)}: {newest.reason}"
        return "measuring", f"is being measured, {asked(gate)}"
    if not reached(gate, newest.value):
        return "failed", f"is {newest.value:g}, {asked(gate)}"
    return "passed", ""


def wrong(gate: Gate) -> str | None:
    """The reason why a stored gate can't be judged: it was made before metrics had names and directions."""
    try:
        check_gate(gate)
    except InvalidArgument as error:
        return error.message
    return None


def _side(gate: Gate) -> str:
    return "minimum" if metric_named(gate.metric).better == "higher" else "maximum"


def _measures(result: GateResult, gate: Gate) -> bool:
    """Whether the result counts for the gate. One on a data set's newest version is measured by its own results alone:
    another gate's may be of an older one."""
    if (result.metric, result.split) != (gate.metric, gate.split):
        return False
    if result.dataset == gate.dataset:
        return True
    return result.dataset.startswith(gate.dataset + "@") and result.gate in ("", gate.dataset)


def _replaces(new: GateResult, old: GateResult) -> bool:
    same = (old.metric, old.dataset, old.split) == (new.metric, new.dataset, new.split)
    return same and old.gate in ("", new.gate)


def _given_up_for(old: GateResult, new: GateResult) -> bool:
    """Whether `old` has no value, and `new` is of the same gate whichever version of the data set it names."""
    if old.value is not None or (old.metric, old.split) != (new.metric, new.split):
        return False
    return old.gate == new.gate if old.gate else _name(old) == _name(new)


def _name(result: GateResult) -> str:
    return result.dataset.partition("@")[0]
