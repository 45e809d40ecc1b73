"""The README's commands do what it says, as a new user would run them."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.framework_env import TABLES, framework_python
from tests.pages import typed
from tests.worlds.platforms import RealPlatform

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"<!-- test: (\w+) -->\n```(?:sh|python)\n(.*?)```", re.DOTALL)


def _blocks(readme: str, kind: str) -> str:
    found = [text for named, text in BLOCK.findall((ROOT / readme).read_text()) if named == kind]
    assert found, f"{readme} has no blocks to run: was their mark changed?"
    return "\n".join(found)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _example(readme: str) -> str:
    """The Python example, with the key of the platform, and without comments, which each language has in its words."""
    code = re.sub(r'"…[^"]*…"', "open('bms-home/admin.key').read().strip()", _blocks(readme, "python"))
    return re.sub(r" *#.*", "", code)


@pytest.mark.timeout(600)
def test_first_steps_and_the_python_example_run_as_written_in_both_languages(tmp_path: Path) -> None:
    steps, code = _blocks("README.md", "run"), _example("README.md")
    assert (steps, code) == (_blocks("README.zh-CN.md", "run"), _example("README.zh-CN.md"))
    port = str(_free_port())
    python = tmp_path / "example.py"
    python.write_text(code.replace("8000", port))
    steps = steps.replace("8000", port).replace("bms status", f"{sys.executable} {python}\nbms status", 1)
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    kept = ("HOME", "LANG", "TMPDIR")
    environment = {
        name: value for name, value in os.environ.items() if name in kept or name.startswith(("PIP_", "UV_"))
    }
    environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", steps],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,  # environments are built on the way, of a job and of a version
        check=False,
    )
    subprocess.run(["bms", "down", "--home", "bms-home"], cwd=tmp_path, env=environment, timeout=60, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert '"predictions"' in done.stdout
    assert "digit-images" in done.stdout
    assert "serving" in done.stdout
    assert "stopped" in done.stdout


@pytest.mark.timeout(1500)
def test_tables_become_urls_as_written_in_both_languages(tenant: RealPlatform, tmp_path: Path) -> None:
    steps = _blocks("README.md", "tables")
    assert steps == _blocks("README.zh-CN.md", "tables")
    folder = tmp_path / "work"
    (folder / "bin").mkdir(parents=True)
    (folder / "tests").symlink_to(ROOT / "tests")
    python = folder / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {framework_python(TABLES)} "$@"\n')
    python.chmod(0o755)
    path = f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    said = typed(steps, folder, patience_s=1200, PATH=path, BMS_URL=tenant.url, BMS_KEY=tenant.key)
    assert said.count("age number, income number, city text, member boolean → probabilities") == 2
    assert len(re.findall(r"^0 .* yes$", said, re.MULTILINE)) == 2


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_every_command_named_exists(readme: str) -> None:
    """Also those that the test above cannot run."""
    text = (ROOT / readme).read_text()
    targets = set(re.findall(r"make (\w+)", text)) - {"sure"}
    makefile = (ROOT / "Makefile").read_text()
    assert targets
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []
