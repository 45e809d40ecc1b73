"""What `bms up` and `bms down` say of homes that are none; with real ones: `tests/e2e/test_up_and_down.py`."""

from pathlib import Path

from tests.worlds.platforms import bms


def test_a_directory_of_something_else_is_no_home(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    ran = bms("up", "--home", str(tmp_path), "--port", "0")
    assert ran.status == 2
    assert "thesis.tex" in ran.errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["thesis.tex"]


def test_what_is_not_there_cannot_be_stopped(tmp_path: Path) -> None:
    assert bms("down", "--home", str(tmp_path / "home")).status == 3
