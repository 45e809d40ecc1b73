"""Gates are judged by the newest measurement on the right data."""

from datetime import UTC, datetime, timedelta

import pytest

from bms.control.models.gates import unmet, with_result
from bms.control.models.nouns import Gate, GateResult
from bms.core.errors import InvalidArgument

START = datetime(2026, 1, 1, tzinfo=UTC)
GATE = Gate(metric="accuracy", dataset="digits", minimum=0.9)


def _result(value: float, dataset: str = "digits@3", *, minute: int = 0, split: str = "validation") -> GateResult:
    return GateResult(
        metric="accuracy",
        dataset=dataset,
        split=split,
        minimum=0.9,
        value=value,
        passed=value >= 0.9,
        job="job_1",
        at=START + timedelta(minutes=minute),
    )


@pytest.mark.parametrize(
    ("gates", "results", "words"),
    [
        ([], [], []),
        ([GATE], [_result(0.9)], []),
        ([GATE], [], ["accuracy on digits (validation) was not measured, at least 0.9 is asked"]),
        ([GATE], [_result(0.899)], ["accuracy on digits (validation) is 0.899, at least 0.9 is asked"]),
        ([GATE], [_result(0.99, minute=1), _result(0.5, "digits@2")], []),
        ([GATE], [_result(0.99), _result(0.5, "digits@4", minute=1)], ["is 0.5"]),
        ([GATE], [_result(0.99, split="test")], ["was not measured"]),
        ([GATE], [_result(0.99, "digits-easy@1")], ["was not measured"]),
        ([Gate(metric="accuracy", dataset="digits@3", minimum=0.9)], [_result(0.99, "digits@3")], []),
        ([Gate(metric="accuracy", dataset="digits@3", minimum=0.9)], [_result(0.99, "digits@30")], ["not measured"]),
        ([Gate(metric="accuracy", dataset="digits", minimum=0.95)], [_result(0.92)], ["at least 0.95"]),
        ([GATE, Gate(metric="f1", dataset="digits", minimum=0.5)], [_result(0.99)], ["f1 on digits"]),
    ],
)
def test_unmet(gates: list[Gate], results: list[GateResult], words: list[str]) -> None:
    found = unmet(gates, results)
    assert len(found) == len(words)
    for sentence, word in zip(found, words, strict=True):
        assert word in sentence


def test_a_new_measurement_replaces_the_old_one_of_the_same() -> None:
    old, other = _result(0.5), _result(0.6, "digits@4")
    new = _result(0.95, minute=1)
    assert with_result((old, other), new) == (other, new)
    assert with_result((), new) == (new,)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_a_number_is_not_a_measurement(value: float) -> None:
    with pytest.raises(InvalidArgument, match="finite"):
        with_result((), _result(value))
