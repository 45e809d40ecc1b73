"""The commands of docs/verification.md do what it says: a model whose rows depend on one another runs a request at a
time and says why; an example is what a model is tried with, and is kept."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.pages import DOCS, commands_of, ran
from tests.tiny_onnx import centres, reshapes
from tests.worlds.platforms import RealPlatform


@pytest.fixture(scope="module")
def platform(tenant: RealPlatform) -> RealPlatform:
    return tenant


def test_both_pages_have_the_same_commands_and_they_run_as_written(platform: RealPlatform, tmp_path: Path) -> None:
    commands = commands_of("verification", blocks=2)
    (tmp_path / "centred.onnx").write_bytes(centres())
    (tmp_path / "shaped.onnx").write_bytes(reshapes(7, 11))
    np.savez(tmp_path / "rows.npz", x=np.arange(154, dtype=np.float32).reshape(2, 77))
    said = ran(commands, platform, tmp_path)
    assert len(re.findall(r"^one request a run +serving_default$", said, re.MULTILINE)) == 2
    why = "none: output 'y' of a row differs in a batch with 1 other row from its output alone"
    assert said.count(why) == 2
    assert all(why in (DOCS / f"verification{ending}").read_text() for ending in (".md", ".zh-CN.md"))
    with platform.client() as client:
        signature = client.models.version("shaped", 1).signatures["serving_default"]
        assert (signature.batched, signature.outputs[0].shape) == (True, (None, 7, 11))
        example = json.loads(b"".join(client.models.download("shaped", 1, "example.json")))
        assert np.array_equal(example["inputs"]["x"], np.arange(154).reshape(2, 77))
    refused = platform.bms("model", "push", str(tmp_path / "centred.onnx"), "--batched")
    assert refused.status
    assert "was declared batched, but output 'y' of a row differs in a batch" in refused.errors
    refused = platform.bms("model", "push", str(tmp_path / "shaped.onnx"))
    assert "give one of your own (`--example FILE`" in refused.errors
