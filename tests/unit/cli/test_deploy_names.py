"""What `bms deploy NAME` says where a model and a folder have the same name."""

from pathlib import Path

import pytest

from bms.cli.commands.deploy import _no_push


def test_options_of_a_push_for_a_model_name_the_folder_that_may_be_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _no_push("poet").endswith("and there is no file or folder of that name")
    (tmp_path / "poet").mkdir()
    assert _no_push("poet").endswith("for the folder of that name write './poet'")
