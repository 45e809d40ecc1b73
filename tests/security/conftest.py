"""A real platform for the tests that attack it from outside: `digits` is deployed in the tenant `default`."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.worlds.platforms import RealPlatform
from tests.worlds.whole_platform import WholePlatform

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="session")
def platform(host: WholePlatform) -> RealPlatform:
    """The one that other files use as tenants: here its operator is attacked."""
    host.good("model", "push", str(DATA / "digits.onnx"), "--name", "digits")
    host.good("deploy", "digits")
    return host


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
