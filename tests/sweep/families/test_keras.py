"""Keras models whose rows depend on one another, pad, cut, normalise, drop rows or keep state, and some that seem to.

Every call gets the library's answer, alone and among sixteen, or the model is refused.
"""

from pathlib import Path

import pytest

from tests.contract.runtimes.cases.keras import FRAMEWORK
from tests.sweep.families.in_company import InCompany, Way

pytestmark = [pytest.mark.heavy, pytest.mark.long, pytest.mark.timeout(900)]  # `make test-all`


class TestKeras(InCompany):
    models = Path(__file__).parent / "keras_models.py"
    environment = FRAMEWORK.environment
    least = 30
    ways = (Way(refused={"keeps-state": "stateful=True"}),)
    counts = {"first-row-only", "halves-as-rows", "rows-twice", "sum-of-rows"}
    dependent = {
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
