"""The page at /docs asks nothing of any other machine, and says all it says in two languages."""

import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from bms.web.api.page import serving

PAGE = {name: files(serving.__package__).joinpath(name).read_text() for name, _ in serving._FILES.values()}


@pytest.fixture
def client() -> TestClient:
    return TestClient(Starlette(routes=serving.routes()))


def test_it_is_served_with_a_policy_that_lets_it_load_its_own_alone(client: TestClient) -> None:
    for path, (name, media) in serving._FILES.items():
        answer = client.get(f"/docs{path}")
        assert (answer.status_code, answer.text, answer.headers["content-type"]) == (200, PAGE[name], media)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; ")
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.post("/docs").status_code == 405


def test_it_names_no_other_machine_and_nothing_inline() -> None:
    for name, text in PAGE.items():
        assert not re.search(r"https?://|//[a-z]+\.[a-z]", text), name
    loaded = re.findall(r'(?:src|href)="([^"]+)"', PAGE["index.html"])
    # Beside the page's own path, so that they are found behind a proxy's prefix, too.
    own = {f"docs{path}" for path in serving._FILES} | {"api/v1/openapi.json"}
    assert set(loaded) <= own
    assert not re.search(r"<script>|<style|\son\w+=|style=", PAGE["index.html"])
    assert set(re.findall(r'from "([^"]+)"|fetch\("([^"]+)"', PAGE["page.js"])) == {
        ("./words.js", ""),
        ("", "api/v1/openapi.json"),
    }
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", PAGE["page.js"])
    assert sum(len(text.encode()) for text in PAGE.values()) < 32_000


def test_it_says_the_same_things_in_both_languages() -> None:
    english, chinese = re.findall(r"\n  (?:en|zh): \{\n(.*?)\n  \}", PAGE["words.js"], re.DOTALL)
    names = [re.findall(r"^    (\w+):", part, re.MULTILINE) for part in (english, chinese)]
    assert names[0] == names[1]
    said = set(re.findall(r'say\("(\w+)"\)', PAGE["page.js"])) | set(
        re.findall(r'data-say="(\w+)"', PAGE["index.html"])
    )
    assert said | {"in_header", "in_path", "in_query"} == set(names[0])


@pytest.mark.skipif(shutil.which("node") is None, reason="this machine has no node to read the scripts")
def test_its_scripts_are_javascript(tmp_path: Path) -> None:
    for name in ("page.js", "words.js"):
        path = tmp_path / name.replace(".js", ".mjs")
        path.write_text(PAGE[name])
        subprocess.run(["node", "--check", str(path)], check=True, timeout=30)
