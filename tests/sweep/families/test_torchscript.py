"""TorchScript, scripted and traced, whose rows depend on one another, pad, cut, normalise, drop rows, draw at random or
keep state; some only seem to.

Every call gets the module's own answer, alone and among sixteen, or the model is refused.
"""

import pytest

from tests.sweep.families.torch_verdicts import STATE, STATE_AS_MADE, TorchInCompany, form

pytestmark = [pytest.mark.heavy, pytest.mark.long, pytest.mark.timeout(900)]  # `make test-all`


class TestTorchScript(TorchInCompany):
    ways = (form("scripted", STATE), form("traced", STATE_AS_MADE))
