"""SavedModels whose rows depend on one another, pad, cut, normalise, drop rows, keep state or draw at random.

Some only seem to. Every call gets the library's answer, alone and among sixteen; what says
something else each time shares no run.
"""

from pathlib import Path

import pytest

from tests.contract.runtimes.cases_tensorflow import FRAMEWORK
from tests.sweep.families.verdicts import Verdict, asked

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]
MODELS = Path(__file__).parent / "tensorflow_models.py"
# Whose answers depend on the rows beside them, are not one for each row, or are others each time.
COUNTS = {"rows-dropped", "every-second-row", "rows-twice", "same-rows-once", "sum-of-rows"}
INCONSTANT = {"counts-calls", "remembers-rows", "adds-noise", "drops-out", "shuffles"}
DEPENDENT = {
    "norm-in-training",
    "norm-over-rows",
    "softmax-over-rows",
    "centred",
    "scaled-by-largest",
    "running-sum",
    "neighbours-row",
    "last-row-first",
    "sorted-rows",
    "similar-rows",
    "padded-to-the-longest",
    "cut-to-the-shortest",
    "ids-padded",
    "branching-by-batch",
    "words-padded",
}


@pytest.fixture(scope="module")
def told() -> dict[str, Verdict]:
    return asked(MODELS, FRAMEWORK.environment)


def test_every_call_gets_the_librarys_answer_alone_and_among_sixteen(told: dict[str, Verdict]) -> None:
    assert len(told) >= 30
    assert [one.refused for one in told.values() if one.refused] == []
    assert [fault for one in told.values() for fault in one.faults] == []


def test_rows_share_runs_exactly_where_they_are_independent(told: dict[str, Verdict]) -> None:
    assert {name for name, one in told.items() if not one.batched} == COUNTS | INCONSTANT | DEPENDENT


def test_the_sweep_sees_calls_that_share_runs_and_must_not() -> None:
    trusted = asked(MODELS, FRAMEWORK.environment, sharing=True)
    seen = {name for name, one in trusted.items() if one.faults}
    assert DEPENDENT <= seen <= DEPENDENT | COUNTS  # that there is one answer for each row is checked on every run
