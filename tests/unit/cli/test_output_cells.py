"""Cells of tables show any value that a model may have answered."""

import numpy as np
import pytest

from bms.cli.output import Output, cell


def test_numbers_of_numpy_are_shown_as_they_are() -> None:
    assert cell(np.int64(0)) == "0"
    assert cell(np.int64(7)) == "7"
    assert cell(()) == cell({}) == cell(frozenset()) == cell(None) == ""


def test_a_long_reason_cuts_no_other_column(capsys: pytest.CaptureFixture[str]) -> None:
    reason = "because " * 100
    rows = [{"name": "a-name-of-some-length", "why": reason}]
    Output(json=False).many(rows, {"NAME": lambda row: row["name"], "WHY": lambda row: row["why"]}, "none")
    shown = capsys.readouterr().out
    assert "a-name-of-some-length" in shown
    assert shown.count("because") == 100
