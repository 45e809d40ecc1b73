"""A real platform for each file of tests that attack it from outside: `digits` is deployed in the tenant `default`.

One for all files would cost more: an idle platform asks its database again and again as long as it runs."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.platforms import RealPlatform, real_platform

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealPlatform]:
    with real_platform(tmp_path_factory.mktemp("attacked") / "home") as running:
        running.good("model", "push", str(DATA / "digits.onnx"), "--name", "digits")
        running.good("deploy", "digits")
        yield running


@pytest.fixture(scope="module")
def port(platform: RealPlatform) -> int:
    found = urlsplit(platform.url).port
    assert found is not None
    return found


@pytest.fixture
def api(platform: RealPlatform) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {platform.key}"}
    with httpx.Client(base_url=platform.url + "/api/v1", headers=headers, timeout=30) as client:
        yield client


@pytest.fixture
def call(platform: RealPlatform) -> Iterator[httpx.Client]:
    """Inference with a good key."""
    headers = {"authorization": f"Bearer {platform.key}"}
    with httpx.Client(base_url=platform.url, headers=headers, timeout=30) as client:
        yield client
