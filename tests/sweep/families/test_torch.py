"""PyTorch's programs, and code with weights, whose rows depend on one another, pad, cut, normalise, drop rows, draw at
random or keep state; some only seem to.

Every call gets the module's own answer, alone and among sixteen, or the model is refused.
"""

import pytest

from tests.sweep.families.torch_verdicts import STATE, STATE_AS_MADE, TorchInCompany, form
from tests.sweep.families.verdicts import asked

pytestmark = [pytest.mark.heavy, pytest.mark.long, pytest.mark.timeout(900)]  # `make test-all`


class TestTorch(TorchInCompany):
    ways = (form("exported", STATE_AS_MADE), form("code", STATE))

    @pytest.mark.long
    def test_a_declaration_that_programs_are_batched_changes_nothing(self) -> None:
        """What code takes is always declared."""
        found = asked(self.models, self.environment, below="exported")
        assert asked(self.models, self.environment, below="exported", declared=True) == found
