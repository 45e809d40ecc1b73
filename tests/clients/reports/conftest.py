"""One platform for all reports: models with a signature for each kind of thing that they ask."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.platforms import RealPlatform, real_platform

MODELS = Path(__file__).parent / "models"


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealPlatform]:
    with real_platform(tmp_path_factory.mktemp("reports") / "home", "--gateways", "1") as platform:
        for model in sorted(MODELS.iterdir()):
            platform.good("deploy", str(model))
        yield platform
