"""The commands of docs/preprocessing.md do what it says, on models like those it speaks of."""

import re
import shutil
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.contract.runtimes.cases.huggingface import FRAMEWORK
from tests.pages import ran
from tests.worlds.platforms import RealPlatform

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"<!-- test: run -->\n```sh\n(.*?)```", re.DOTALL)


def digit() -> bytes:
    with np.load(ROOT / "tests" / "data" / "digits.npz") as arrays:
        pixels = (arrays["x"][0].reshape(8, 8) * 255 / arrays["x"].max()).astype(np.uint8)
    out = BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.mark.timeout(300)
def test_its_commands_run_as_written(tenant: RealPlatform, tmp_path: Path) -> None:
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
    said = ran("\n".join(blocks), tenant, folder)
    assert said.count("PROBABILITY") == 3
    assert said.count('{"results":[[[') == 2
    assert '"object":"embedding"' in said
    assert "total_tokens" in said
