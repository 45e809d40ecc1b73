"""The commands of docs/verification.md do what it says: a model whose rows depend on one another runs a request at a
time and says why; an example is what a model is tried with, and is kept."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.tiny_onnx import centres, reshapes
from tests.whole_platform import WholePlatform, whole_platform

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(r"<!-- test: run -->\n```sh\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholePlatform]:
    with whole_platform(tmp_path_factory.mktemp("platform")) as running:
        yield running


def test_both_pages_have_the_same_commands_and_they_run_as_written(platform: WholePlatform, tmp_path: Path) -> None:
    pages = [(DOCS / name).read_text() for name in ("verification.md", "verification.zh-CN.md")]
    commands = BLOCK.findall(pages[0])
    assert commands == BLOCK.findall(pages[1])
    assert len(commands) == 2, "was their mark changed?"
    (tmp_path / "centred.onnx").write_bytes(centres())
    (tmp_path / "shaped.onnx").write_bytes(reshapes(7, 11))
    np.savez(tmp_path / "rows.npz", x=np.arange(154, dtype=np.float32).reshape(2, 77))
    kept = {name: value for name, value in os.environ.items() if name in ("HOME", "LANG", "TMPDIR", "PYTHONPATH")}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    shell = {**kept, "PATH": path, "BMS_URL": platform.url, "BMS_KEY": platform.key, "COLUMNS": "240"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(commands)],
        cwd=tmp_path, env=shell, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert len(re.findall(r"^one request a run +serving_default$", done.stdout, re.MULTILINE)) == 2
    why = "none: output 'y' of a row is another in company of 1 rows than alone"
    assert done.stdout.count(why) == 2
    assert all(why in page for page in pages)
    with platform.client() as client:
        signature = client.models.version("shaped", 1).signatures["serving_default"]
        assert (signature.batched, signature.outputs[0].shape) == (True, (None, 7, 11))
        example = json.loads(b"".join(client.models.download("shaped", 1, "example.json")))
        assert np.array_equal(example["inputs"]["x"], np.arange(154).reshape(2, 77))
    refused = platform.bms("model", "push", str(tmp_path / "centred.onnx"), "--batched")
    assert refused.status
    assert "was declared batched, but output 'y' of a row is another in company" in refused.errors
    refused = platform.bms("model", "push", str(tmp_path / "shaped.onnx"))
    assert "give one of your own (`--example FILE`" in refused.errors
