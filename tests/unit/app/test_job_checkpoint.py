"""What an attempt finds of its last one's checkpoint."""

import os
from pathlib import Path

import pytest

from bms.app.job.checkpoint import place_checkpoint


def test_there_is_an_empty_one_at_first(tmp_path: Path) -> None:
    place_checkpoint(tmp_path / "a" / "checkpoint", None)
    assert list((tmp_path / "a" / "checkpoint").iterdir()) == []


def test_files_are_copied_so_that_they_may_be_changed(tmp_path: Path) -> None:
    earlier, target = tmp_path / "earlier", tmp_path / "checkpoint"
    (earlier / "state").mkdir(parents=True)
    for name in ("epoch", "state/weights"):
        (earlier / name).write_text(name)
        (earlier / name).chmod(0o444)
    (earlier / "state").chmod(0o555)
    place_checkpoint(target, str(earlier))
    assert (target / "state" / "weights").read_text() == "state/weights"
    assert (target / "state").stat().st_mode & (target / "epoch").stat().st_mode & 0o200
    (target / "epoch").write_text("2")
    assert (earlier / "epoch").read_text() == "epoch"
    place_checkpoint(target, str(earlier))
    assert (target / "epoch").read_text() == "2", "what is there already is the attempt's own"


def test_a_copy_that_was_broken_off_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier, target = tmp_path / "earlier", tmp_path / "checkpoint"
    earlier.mkdir()
    for name in ("a", "b"):
        (earlier / name).write_text(name)

    def full(source: str, copy: str) -> None:
        if os.path.basename(source) == "b":
            raise OSError(28, "No space left on device")
        Path(copy).write_bytes(Path(source).read_bytes())

    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfile", full)
        with pytest.raises(OSError, match="No space"):
            place_checkpoint(target, str(earlier))
    assert not target.exists()
    place_checkpoint(target, str(earlier))
    assert sorted(path.name for path in target.iterdir()) == ["a", "b"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint", "earlier"]
