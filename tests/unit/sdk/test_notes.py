"""Warnings of the server, told at the line that asked."""

import inspect
import warnings

import pytest

from bms.sdk import RoundedWarning
from bms.sdk.notes import call_site, notes_in, tell

HEADERS = {"warning": '299 bms "input \\"x\\": FP64 numbers were rounded to FP32", 299 bms "two"'}


def test_notes_are_the_quoted_texts() -> None:
    assert notes_in(HEADERS["warning"]) == ['input "x": FP64 numbers were rounded to FP32', "two"]
    assert notes_in("") == []
    assert notes_in('110 cache "stale"') == []


def test_a_warning_names_the_line_of_the_caller_and_comes_once_for_it() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            tell({"warning": '299 bms "once"'}, call_site())
        line = inspect.currentframe().f_lineno - 1  # type: ignore[union-attr]
    assert [(str(one.message), one.filename, one.lineno) for one in caught] == [("once", __file__, line)]
    assert issubclass(caught[0].category, RoundedWarning)


def test_it_can_be_made_an_error() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RoundedWarning)
        with pytest.raises(RoundedWarning):
            tell(HEADERS, call_site())
