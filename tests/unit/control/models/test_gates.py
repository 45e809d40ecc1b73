"""Gates are judged by the newest measurement on the right data."""

from datetime import UTC, datetime, timedelta

import pytest

from bms.control.models.gates import check_gate, standings, text, unmet, with_result
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


RMSE = Gate(metric="rmse", dataset="price", maximum=1.0)


def _error(value: float) -> GateResult:
    return GateResult(
        metric="rmse", dataset="price@1", split="validation", maximum=1.0, value=value, passed=value <= 1, job="job_1",
        at=START,
    )  # fmt: skip


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
        ([RMSE], [_error(1.0)], []),
        ([RMSE], [_error(1.01)], ["rmse on price (validation) is 1.01, at most 1 is asked"]),
        ([RMSE], [], ["rmse on price (validation) was not measured, at most 1 is asked"]),
        (
            [Gate(metric="rmse", dataset="price", minimum=1.0)],
            [_error(5.0)],
            ["any more: a lower 'rmse' is better"],
        ),
        ([Gate(metric="acuracy", dataset="digits", minimum=1.0)], [], ["any more: there is no metric 'acuracy'"]),
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


@pytest.mark.parametrize(
    ("bounds", "metric", "words"),
    [
        (
            {"minimum": 1.0},
            "rmse",
            r"a lower 'rmse' is better.*at most a value: write 'rmse:d:validation<=1' \(",
        ),
        ({"maximum": 0.5}, "accuracy", r"a higher.*at least a value: write 'accuracy:d:validation>=0.5' \(`minimum`\)"),
        ({}, "r2", "either a `minimum` or a `maximum`: 'r2' takes a `minimum`"),
        ({"minimum": 0.5, "maximum": 0.9}, "log_loss", "'log_loss' takes a `maximum`"),
        ({"maximum": float("inf")}, "mae", "finite"),
        (
            {"minimum": 90.0},
            "accuracy",
            "no version could pass: at least 90 is asked of 'accuracy', and its best .* is 1$",
        ),
        (
            {"maximum": -1.0},
            "log_loss",
            "no version could pass: at most -1 is asked of 'log_loss', and its best .* is 0$",
        ),
        ({"minimum": 0.5}, "acuracy", "did you mean 'accuracy'"),
    ],
)
def test_a_gate_that_would_let_bad_versions_pass_is_refused(bounds: dict[str, float], metric: str, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        check_gate(Gate(metric=metric, dataset="d", minimum=bounds.get("minimum"), maximum=bounds.get("maximum")))


def test_a_gate_is_written_with_its_metrics_sign() -> None:
    assert (text(GATE), text(RMSE)) == ("accuracy:digits:validation>=0.9", "rmse:price:validation<=1")
    assert check_gate(RMSE) is RMSE


@pytest.mark.parametrize(
    ("metric", "bounds"), [("r2", {"minimum": -3.0}), ("mcc", {"minimum": 1.0}), ("rmse", {"maximum": 0.0})]
)
def test_a_gate_may_ask_for_the_best_and_for_very_little(metric: str, bounds: dict[str, float]) -> None:
    assert check_gate(Gate(metric=metric, dataset="d", minimum=bounds.get("minimum"), maximum=bounds.get("maximum")))


PINNED = Gate(metric="accuracy", dataset="digits@1", minimum=0.5)


def _of(gate: Gate, dataset: str, value: float | None, minute: int, reason: str = "") -> GateResult:
    at = START + timedelta(minutes=minute)
    return GateResult(
        metric=gate.metric, gate=gate.dataset, dataset=dataset, split=gate.split, value=value, reason=reason, at=at
    )


def test_a_gate_on_the_newest_data_is_not_passed_by_what_another_gate_measured_on_older_data() -> None:
    results = with_result((_of(GATE, "digits@2", 0.6, 0),), _of(PINNED, "digits@1", 0.95, 1))
    assert unmet([GATE, PINNED], results) == ["accuracy on digits (validation) is 0.6, at least 0.9 is asked"]


def test_of_two_gates_on_one_data_set_the_one_that_cannot_be_measured_keeps_its_reason() -> None:
    missing = Gate(metric="accuracy", dataset="digits@9", minimum=0.5)
    results = with_result((_of(missing, "digits@9", None, 0, "no version 9"),), _of(GATE, "digits@1", 0.95, 1))
    assert unmet([GATE, missing], results) == [
        "accuracy on digits@9 (validation) can't be measured, at least 0.5 is asked: no version 9"
    ]


def test_two_gates_that_meet_on_one_version_of_the_data_are_both_measured() -> None:
    results = with_result((_of(GATE, "digits@1", 0.95, 0),), _of(PINNED, "digits@1", 0.95, 1))
    assert unmet([GATE, PINNED], results) == []
    assert [one.result and one.result.gate for one in standings([GATE, PINNED], results)] == ["digits", "digits@1"]
    again = with_result(results, _of(GATE, "digits@1", 0.95, 2))
    assert [one.result and one.result.gate for one in standings([GATE, PINNED], again)] == ["digits", "digits@1"]


def test_a_gate_that_begins_anew_replaces_what_it_waited_for_on_another_version_of_the_data() -> None:
    waiting = (_of(GATE, "digits", None, 0),)
    assert with_result(waiting, _of(GATE, "digits@2", 0.95, 1)) == (_of(GATE, "digits@2", 0.95, 1),)
