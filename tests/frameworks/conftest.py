"""What the tests of all frameworks have in common."""

import pytest

from tests.worlds.platforms import RealPlatform


@pytest.fixture(scope="module")
def platform(tenant: RealPlatform) -> RealPlatform:
    return tenant
