"""ONNX graphs whose rows depend on one another, pad, cut, normalise, quantize, drop rows or draw at random; some only
seem to.

Every call gets the library's answer, alone and among sixteen, whatever was declared; where a graph does not give one
answer for each row, or says something else each time, it shares no run. Graphs keep no state.
"""

from pathlib import Path

import pytest

from tests.framework_env import SKLEARN
from tests.sweep.families.in_company import DECLARED, FOUND, InCompany

pytestmark = pytest.mark.timeout(900)


class TestOnnx(InCompany):
    models = Path(__file__).parent / "onnx_models.py"
    environment = SKLEARN
    least = 24
    ways = (FOUND, DECLARED)
    counts = {"sum-of-rows", "rows-twice", "drops-rows", "places"}
    inconstant = {"adds-noise", "drops-out"}
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
        "quantized",
        "where-ids-are-large",
    }
