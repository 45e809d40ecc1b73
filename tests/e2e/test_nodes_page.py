"""The commands of docs/nodes.md do what they say: a model is served where a node agent runs."""

import json
import shutil
from pathlib import Path

import numpy as np

from tests.pages import commands_of, typed
from tests.worlds.homes import prepare, prepare_node
from tests.worlds.platforms import bms
from tests.worlds.whole_platform import DATA, DIGITS


def test_the_page_has_the_same_commands_in_both_languages_and_they_run_as_written(tmp_path: Path) -> None:
    commands = commands_of("nodes", blocks=1)
    prepare(tmp_path / "bms-home")
    prepare_node(tmp_path / "bms-node")
    shutil.copy(DIGITS, tmp_path / "digits.onnx")
    with np.load(DATA / "digits.npz") as data:
        (tmp_path / "rows.json").write_text(json.dumps(data["x"][:2].tolist()))
    try:
        said = typed(commands, tmp_path)
    finally:
        bms("down", "--home", str(tmp_path / "bms-home"))
        bms("node", "stop", "--home", str(tmp_path / "bms-node"))
    assert "the node agent of" in said
    assert "probabilities" in said or "label" in said
    assert said.splitlines()[-1] == f"stopped {tmp_path / 'bms-node'}"
