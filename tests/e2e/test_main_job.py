"""From data to a served, metered model, through the SDK alone: the platform's main job on real digits."""

from pathlib import Path

import pytest

from tests.worlds.main_job import main_job
from tests.worlds.platforms import RealPlatform

# In `make test` it is done at a node agent (`test_node_agent.py`), and on this machine as far as the README goes.
pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]


def test_data_becomes_a_served_and_metered_model(tenant: RealPlatform, tmp_path: Path) -> None:
    main_job(tenant, tmp_path)
