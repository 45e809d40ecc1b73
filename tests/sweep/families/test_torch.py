"""PyTorch's programs, and code with weights, whose rows depend on one another, pad, cut, normalise, drop rows, draw at
random or keep state; some only seem to.

Every call gets the module's own answer, alone and among sixteen, or the model is refused.
"""

import pytest

from tests.contract.runtimes.cases_torch import FRAMEWORK
from tests.sweep.families.torch_verdicts import COUNTS, DEPENDENT, EACH_TIME, INCONSTANT, MODELS, STATE, STATE_AS_MADE
from tests.sweep.families.verdicts import Verdict, asked

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]
REFUSED = {"exported": STATE_AS_MADE, "code": STATE}


@pytest.fixture(scope="module", params=REFUSED)
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def told(form: str) -> dict[str, Verdict]:
    return asked(MODELS, FRAMEWORK.environment, below=form)


def test_every_call_gets_the_modules_answer_alone_and_among_sixteen(form: str, told: dict[str, Verdict]) -> None:
    assert len(told) >= 30
    assert [fault for one in told.values() for fault in one.faults] == []
    assert {name for name, one in told.items() if one.refused} == REFUSED[form]
    assert all(EACH_TIME in told[name].refused for name in REFUSED[form])


def test_rows_share_runs_exactly_where_they_are_independent(form: str, told: dict[str, Verdict]) -> None:
    served = told.keys() - REFUSED[form]
    assert {name for name in served if not told[name].batched} == (COUNTS | DEPENDENT | INCONSTANT) & served


def test_a_declaration_that_programs_are_batched_changes_nothing() -> None:
    """What code takes is always declared."""
    found = asked(MODELS, FRAMEWORK.environment, below="exported")
    assert asked(MODELS, FRAMEWORK.environment, below="exported", declared=True) == found


def test_the_sweep_sees_calls_that_share_runs_and_must_not(form: str) -> None:
    trusted = asked(MODELS, FRAMEWORK.environment, sharing=True, below=form)
    seen = {name for name, one in trusted.items() if one.faults}
    assert DEPENDENT <= seen <= DEPENDENT | COUNTS  # that there is one answer for each row is checked on every run
