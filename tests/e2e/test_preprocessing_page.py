"""The commands of docs/preprocessing.md do what it says, on models like those it speaks of."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.contract.runtimes.cases_huggingface import FRAMEWORK
from tests.whole_platform import WholePlatform, whole_platform

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"<!-- test: run -->\n```sh\n(.*?)```", re.DOTALL)


@pytest.fixture
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholePlatform]:
    with whole_platform(tmp_path_factory.mktemp("platform")) as running:
        yield running


def digit() -> bytes:
    with np.load(ROOT / "tests" / "data" / "digits.npz") as arrays:
        pixels = (arrays["x"][0].reshape(8, 8) * 255 / arrays["x"].max()).astype(np.uint8)
    out = BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.mark.timeout(300)
def test_its_commands_run_as_written(platform: WholePlatform, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "tests").symlink_to(ROOT / "tests")
    (folder / "digit.png").write_bytes(digit())
    made = FRAMEWORK.artifacts()
    for name, artifact in (("plain", "plain"), ("mood", "classifier"), ("sentences", "sentences")):
        shutil.copytree(made / artifact, folder / name)
    blocks = BLOCK.findall((ROOT / "docs" / "preprocessing.md").read_text())
    assert len(blocks) == 3, "was their mark changed?"
    assert BLOCK.findall((ROOT / "docs" / "preprocessing.zh-CN.md").read_text()) == blocks
    environment = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    environment |= {"BMS_URL": platform.url, "BMS_KEY": platform.key}
    environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(blocks)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout.count("PROBABILITY") == 3
    assert done.stdout.count('{"results":[[[') == 2
    assert '"object":"embedding"' in done.stdout
    assert "total_tokens" in done.stdout
