"""Cells of tables show any value that a model may have answered."""

import numpy as np

from bms.cli.output import cell


def test_numbers_of_numpy_are_shown_as_they_are() -> None:
    assert cell(np.int64(0)) == "0"
    assert cell(np.int64(7)) == "7"
    assert cell(()) == cell({}) == cell(frozenset()) == cell(None) == ""
