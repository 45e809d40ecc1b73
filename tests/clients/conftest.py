"""One platform for all clients: deployments that every client asks in its own words."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.environments import openai_tokens
from tests.worlds.platforms import RealPlatform, real_platform
from tests.worlds.whole_platform import DIGITS

MODELS = Path(__file__).parent / "models"
NAMED_AS_THERE = {  # deployments under the names that the peers' quick starts ask for
    "sklearn-iris": ("flowers", "--dialect", "kserve"),
    "mnist-svm": (str(DIGITS),),
    "text-embedding-3-small": ("mixed",),
}


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealPlatform]:
    home = tmp_path_factory.mktemp("clients") / "home"
    with real_platform(home, "--gateways", "1", "--openai-tokens", str(openai_tokens())) as platform:
        for model in sorted(MODELS.iterdir()):
            platform.good("deploy", str(model))
        platform.good("deploy", "flowers", "--name", "labels", "--dialect", "kserve")
        for name, deployed in NAMED_AS_THERE.items():
            platform.good("deploy", *deployed, "--name", name)
        yield platform
