"""The commands of docs/tables.md do what it says: a pipeline is trained, served, and asked in every form."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from bms.sdk.deployments import Target
from tests.framework_env import FRAMES, SOURCE, TABLES, framework_python
from tests.pages import typed
from tests.worlds.platforms import RealPlatform
from tests.worlds.whole_platform import deploy, push

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"<!-- test: (\w+) -->\n```(?:sh|python)\n(.*?)```", re.DOTALL)
ROWS = 8


@pytest.fixture(scope="module")
def platform(tenant: RealPlatform) -> RealPlatform:
    return tenant


def ran(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.timeout(1500)
def test_both_pages_have_the_same_commands_and_they_run_as_written(platform: RealPlatform, tmp_path: Path) -> None:
    page = BLOCK.findall((ROOT / "docs" / "tables.md").read_text())
    assert page == BLOCK.findall((ROOT / "docs" / "tables.zh-CN.md").read_text())
    assert [kind for kind, _ in page] == ["train", "run", "run", "run", "run", "python"], "was their mark changed?"
    kept = {name: value for name, value in os.environ.items() if name in ("HOME", "LANG", "TMPDIR")}
    (tmp_path / "train.py").write_text(page[0][1])
    ran([str(framework_python(TABLES)), "train.py"], tmp_path, kept)
    commands = "\n".join(text for kind, text in page if kind == "run")
    said = typed(commands, tmp_path, patience_s=600, BMS_URL=platform.url, BMS_KEY=platform.key)
    assert "age number, income number, city text → probabilities FP64 [-1, 2], label BYTES [-1]" in said
    assert "age integer, income number, city text?" in said
    assert "age number, income number, city category[Köln,Bonn,Berlin]?" in said
    assert len(re.findall(r"^\d+ .* (?:yes|no)$", said, re.MULTILINE)) == ROWS
    assert said.count('{"predictions":[{"probabilities":[') == 5
    assert said.count('{"outputs":{"probabilities":[[') == 1
    assert said.count('"model_name":"buyer"') == 1
    assert '"parameters":{"column":"category","optional":true}' in said
    assert "error" not in said
    with platform.client() as client:
        push(client, "digits")
        deploy(client, "digits", "digits", Target(version=1))
    code = page[-1][1].replace("http://127.0.0.1:8000", platform.url).replace("…the key…", platform.key)
    (tmp_path / "ask.py").write_text(code)
    ran([str(framework_python(FRAMES)), "ask.py"], tmp_path, {**kept, "PYTHONPATH": str(SOURCE)})
