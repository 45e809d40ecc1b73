"""OpenVINO models whose rows depend on one another, pad, cut, normalise, count otherwise or draw at random; some only
seem to.

Every call gets the library's answer, alone and among sixteen, whatever was declared; what does not give one answer for
each row, or says something else each time, shares no run. Graphs keep no state.
"""

from pathlib import Path

import pytest

from tests.contract.runtimes.cases_openvino import FRAMEWORK
from tests.sweep.families.verdicts import Verdict, asked

pytestmark = pytest.mark.timeout(900)
MODELS = Path(__file__).parent / "openvino_models.py"
COUNTS = {"sum-of-rows", "rows-twice", "places"}
INCONSTANT = {"adds-noise"}
DEPENDENT = {
    "centred",
    "norm-over-rows",
    "softmax-over-rows",
    "summed-up",
    "scaled-by-largest",
    "last-row-first",
    "similar-rows",
    "padded-to-the-longest",
    "cut-to-the-shortest",
    "where-ids-are-large",
}


@pytest.fixture(scope="module", params=[False, True], ids=["found", "declared"])
def told(request: pytest.FixtureRequest) -> dict[str, Verdict]:
    return asked(MODELS, FRAMEWORK.environment, declared=request.param)


def test_every_call_gets_the_librarys_answer_alone_and_among_sixteen(told: dict[str, Verdict]) -> None:
    assert len(told) >= 19
    assert [one.refused for one in told.values() if one.refused] == []
    assert [fault for one in told.values() for fault in one.faults] == []


def test_rows_share_runs_exactly_where_they_are_independent(told: dict[str, Verdict]) -> None:
    assert {name for name, one in told.items() if not one.batched} == COUNTS | INCONSTANT | DEPENDENT


def test_the_sweep_sees_calls_that_share_runs_and_must_not() -> None:
    trusted = asked(MODELS, FRAMEWORK.environment, sharing=True)
    seen = {name for name, one in trusted.items() if one.faults}
    assert DEPENDENT <= seen <= DEPENDENT | COUNTS  # that there is one answer for each row is checked on every run
