"""Keras models whose rows depend on one another, pad, cut, normalise, drop rows or keep state, and some that seem to.

Every call gets the library's answer, alone and among sixteen, or the model is refused.
"""

from pathlib import Path

import pytest

from tests.contract.runtimes.cases_keras import FRAMEWORK
from tests.sweep.families.verdicts import Verdict, asked

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]
MODELS = Path(__file__).parent / "keras_models.py"
# Whose answers depend on the rows beside them, or are not one for each row.
COUNTS = {"first-row-only", "halves-as-rows", "rows-twice", "sum-of-rows"}
APART = COUNTS | {
    "norm-over-rows",
    "softmax-over-rows",
    "unit-over-rows",
    "centred",
    "scaled-by-largest",
    "running-sum",
    "neighbours-row",
    "last-row-first",
    "sorted-rows",
    "similar-rows",
    "padded-to-the-longest",
    "cut-to-the-shortest",
}
REFUSED = {"keeps-state": "stateful=True"}


@pytest.fixture(scope="module")
def told() -> dict[str, Verdict]:
    return asked(MODELS, FRAMEWORK.environment)


def test_every_call_gets_the_librarys_answer_alone_and_among_sixteen(told: dict[str, Verdict]) -> None:
    assert len(told) >= 30
    assert [fault for one in told.values() for fault in one.faults] == []
    assert {name: one.refused for name, one in told.items() if one.refused}.keys() == REFUSED.keys()
    for name, words in REFUSED.items():
        assert words in told[name].refused


def test_rows_share_runs_exactly_where_they_are_independent(told: dict[str, Verdict]) -> None:
    assert {name for name, one in told.items() if not one.batched and not one.refused} == APART


def test_the_sweep_sees_calls_that_share_runs_and_must_not() -> None:
    trusted = asked(MODELS, FRAMEWORK.environment, sharing=True)
    seen = {name for name, one in trusted.items() if one.faults}
    assert APART - COUNTS <= seen <= APART  # that there is one answer for each row is checked on every run
