"""MXNet symbols whose rows depend on one another, pad, cut, normalise, drop rows or draw at random; some only seem to.

Every call gets the library's answer, alone and among sixteen; what says something else each time shares no run. Symbols
keep no state.
"""

from pathlib import Path

import pytest

from tests.contract.runtimes.cases.mxnet import FRAMEWORK
from tests.sweep.families.in_company import InCompany

pytestmark = [pytest.mark.heavy, pytest.mark.long, pytest.mark.timeout(900)]  # `make test-all`


class TestMXNet(InCompany):
    models = Path(__file__).parent / "mxnet_models.py"
    environment = FRAMEWORK.environment
    least = 20
    counts = {"first-row-only", "rows-twice", "sum-of-rows"}
    inconstant = {"drops-out", "adds-noise"}
    dependent = {
        "norm-over-rows",
        "softmax-over-rows",
        "centred",
        "scaled-by-largest",
        "sorted-rows",
        "last-row-first",
        "similar-rows",
        "padded-to-the-longest",
        "cut-to-the-shortest",
    }
