"""Cells of tables show any value that a model may have answered."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from bms.cli.output.printing import CommandOutput, cell
from bms.sdk.jobs import Job


def test_numbers_of_numpy_are_shown_as_they_are() -> None:
    assert cell(np.int64(0)) == "0"
    assert cell(np.int64(7)) == "7"
    assert cell(()) == cell({}) == cell(frozenset()) == cell(None) == ""


def test_a_long_reason_cuts_no_other_column(capsys: pytest.CaptureFixture[str]) -> None:
    reason = "because " * 100
    rows = [{"name": "a-name-of-some-length", "why": reason}]
    CommandOutput(json=False).many(rows, {"NAME": lambda row: row["name"], "WHY": lambda row: row["why"]}, "none")
    shown = capsys.readouterr().out
    assert "a-name-of-some-length" in shown
    assert shown.count("because") == 100


def test_what_is_no_finite_number_is_shown_as_that(capsys: pytest.CaptureFixture[str]) -> None:
    then = datetime(2026, 1, 1, tzinfo=UTC)
    told = Job(id="j", name="t", state="succeeded", created_at=then, created_by="a", metrics={"loss": float("nan")})
    assert cell(told.metrics) == "loss NaN"
    assert cell(float("-inf")) == "-Infinity"
    CommandOutput(json=True).raw([told])
    assert '"metrics":{"loss":"NaN"}' in capsys.readouterr().out


def test_whole_numbers_of_any_size_break_no_list(capsys: pytest.CaptureFixture[str]) -> None:
    then = datetime(2026, 1, 1, tzinfo=UTC)
    huge = Job(id="j", name="t", state="succeeded", created_at=then, created_by="a", spec={"big": 10**40, "rate": 0.5})
    CommandOutput(json=True).raw([huge])
    (told,) = json.loads(capsys.readouterr().out)
    assert told["spec"] == {"big": 10**40, "rate": 0.5}
