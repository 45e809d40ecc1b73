"""SavedModels whose rows depend on one another, pad, cut, normalise, drop rows, keep state or draw at random.

Some only seem to. Every call gets the library's answer, alone and among sixteen; what says
something else each time shares no run.
"""

from pathlib import Path

import pytest

from tests.contract.runtimes.cases.tensorflow import FRAMEWORK
from tests.sweep.families.in_company import InCompany

pytestmark = [pytest.mark.heavy, pytest.mark.long, pytest.mark.timeout(900)]  # `make test-all`


class TestTensorFlow(InCompany):
    models = Path(__file__).parent / "tensorflow_models.py"
    environment = FRAMEWORK.environment
    least = 30
    counts = {"rows-dropped", "every-second-row", "rows-twice", "same-rows-once", "sum-of-rows"}
    inconstant = {"counts-calls", "remembers-rows", "adds-noise", "drops-out", "shuffles"}
    dependent = {
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
