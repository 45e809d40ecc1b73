"""OpenVINO models whose rows depend on one another, pad, cut, normalise, count otherwise or draw at random; some only
seem to.

Every call gets the library's answer, alone and among sixteen, whatever was declared; what does not give one answer for
each row, or says something else each time, shares no run. Graphs keep no state.
"""

from pathlib import Path

import pytest

from tests.contract.runtimes.cases.openvino import FRAMEWORK
from tests.sweep.families.in_company import DECLARED, FOUND, InCompany

pytestmark = pytest.mark.timeout(900)


class TestOpenVino(InCompany):
    models = Path(__file__).parent / "openvino_models.py"
    environment = FRAMEWORK.environment
    least = 19
    ways = (FOUND, DECLARED)
    counts = {"sum-of-rows", "rows-twice", "places"}
    inconstant = {"adds-noise"}
    dependent = {
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
