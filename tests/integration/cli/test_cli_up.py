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


def test_what_would_be_kept_too_shortly_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for option, period, words in (
        ("--keep-jobs", "1d", "--keep-jobs is 1 days, expected at least 3"),
        ("--keep-events", "2d", "--keep-events is 2 days, expected at least 3"),
        ("--keep-events", "long", "not a length of time"),
    ):
        ran = bms("up", "--home", str(home), "--port", "0", option, period)
        assert (ran.status, words in ran.errors) == (2, True), ran
    assert not home.exists()
