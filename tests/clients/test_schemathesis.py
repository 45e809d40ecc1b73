"""The description of the API is what the server does: Schemathesis asks for everything in it, right and wrong, of a
platform to throw away, deletes and revocations included."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.clients.environments import SCHEMATHESIS
from tests.framework_env import told_by
from tests.tiny_onnx import adds
from tests.worlds.platforms import real_platform

HERE = Path(__file__).parent
METHODS = ("TRACE", "DELETE", "PROPFIND")


@pytest.fixture(scope="module")
def thrown_away(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Its address, and a key that lasts. A model is served there. Its environments are its own, since it is asked to
    remove those that nobody needs."""
    folder = tmp_path_factory.mktemp("schemathesis")
    (folder / "adds").mkdir()
    (folder / "adds" / "model.onnx").write_bytes(adds(1.0))
    with real_platform(folder / "home", "--gateways", "1", shared=False) as platform:
        platform.good("deploy", str(folder / "adds"))
        platform.good("user", "create", "asker", "--role", "owner")
        yield platform.url, platform.good("key", "create", "asked", "--user", "asker", "--quiet").out.strip()


def asked(url: str, key: str, size: str) -> int:
    """How many requests were made."""
    (report,) = told_by(SCHEMATHESIS, HERE / "asks_schemathesis.py", url, key, size, patience_s=1600)
    assert (report["failures"], report["errors"]) == ([], []), json.dumps(report["failures"] + report["errors"])
    operations = report["operations"]
    assert operations["tested"] == operations["total"], operations
    still = httpx.get(f"{url}/api/v1/whoami", headers={"authorization": f"Bearer {key}"}, trust_env=False)
    assert (still.status_code, still.json()["role"]) == (200, "owner")
    generated: int = report["test_cases"]["generated"]
    return generated


@pytest.mark.timeout(400)
def test_every_operation_does_as_it_is_described(thrown_away: tuple[str, str]) -> None:
    assert asked(*thrown_away, "few") > 300


@pytest.mark.long
@pytest.mark.timeout(1700)
def test_every_operation_does_as_it_is_described_at_every_bound_and_in_every_order(
    thrown_away: tuple[str, str],
) -> None:
    assert asked(*thrown_away, "many") > 5000


def test_every_path_says_which_methods_it_has(thrown_away: tuple[str, str]) -> None:
    url, key = thrown_away
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=headers, trust_env=False) as http:
        for path, operations in http.get("/api/v1/openapi.json").json()["paths"].items():
            offered = {method.upper() for method in operations}
            for method in METHODS:
                if method not in offered:
                    answer = http.request(
                        method, re.sub(r"{(?:version|number)}", "1", path).replace("{", "").replace("}", "")
                    )
                    assert answer.status_code == 405, (method, path)
                    allowed = set(answer.headers["allow"].split(", "))
                    assert offered <= allowed or method == "PROPFIND", (method, path, allowed)
