"""Whether a version reached what its model asks for."""

import math
from collections.abc import Sequence

from bms.control.models.nouns import Gate, GateResult
from bms.core.errors import InvalidArgument


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
        if newest is None:
            words.append(f"{what} was not measured, at least {gate.minimum:g} is asked")
        elif not newest.value >= gate.minimum:
            words.append(f"{what} is {newest.value:g}, at least {gate.minimum:g} is asked")
    return words


def _measures(result: GateResult, gate: Gate) -> bool:
    same = (result.metric, result.split) == (gate.metric, gate.split)
    return same and (result.dataset == gate.dataset or result.dataset.startswith(gate.dataset + "@"))


def _key(result: GateResult) -> tuple[str, str, str]:
    return (result.metric, result.dataset, result.split)
