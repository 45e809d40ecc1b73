"""From data to a served, metered model, through the SDK alone: the platform's main job on real digits."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.main_job import main_job
from tests.whole_platform import WholePlatform, whole_platform

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholePlatform]:
    with whole_platform(tmp_path_factory.mktemp("main")) as running:
        yield running


def test_data_becomes_a_served_and_metered_model(platform: WholePlatform, tmp_path: Path) -> None:
    main_job(platform, tmp_path)
