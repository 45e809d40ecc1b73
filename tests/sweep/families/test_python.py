"""Models in plain Python whose rows depend on one another, pad, cut, normalise, drop rows, hold state or draw at
random; some only seem to.

Every call gets its model's own answer, alone and among sixteen, whatever was declared; what does not give one answer
for each row, or says something else each time, shares no run.
"""

from pathlib import Path

import pytest

from tests.contract.runtimes.cases.python import FRAMEWORK
from tests.sweep.families import python_models
from tests.sweep.families.in_company import DECLARED, FOUND, InCompany

pytestmark = pytest.mark.timeout(900)


class TestPython(InCompany):
    models = Path(__file__).parent / "python_models.py"
    environment = FRAMEWORK.environment
    least = 24
    ways = (FOUND, DECLARED)
    counts = {*python_models.COUNTS}
    inconstant = {*python_models.INCONSTANT}
    dependent = {*python_models.DEPENDENT}

    def test_the_sweep_sees_calls_that_share_runs_and_must_not(self) -> None:
        """Of one family in the short form, too: all are asked by the same script."""
        self.sees_sharing(FOUND)
