"""Local files as content."""

import hashlib
from pathlib import Path

import pytest

from bms.core.errors import InvalidArgument, NotFound
from bms.sdk.files.local import scan


def test_a_directory_is_its_files_in_order_of_path_with_their_digests(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x").write_bytes(b"1")
    (tmp_path / "a.onnx").write_bytes(b"22")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "y.pyc").write_bytes(b"3")
    entries = [file.entry for file in scan(tmp_path)]
    assert [(entry.path, entry.size) for entry in entries] == [("a.onnx", 2), ("b/x", 1)]
    assert entries[1].digest == "sha256:" + hashlib.sha256(b"1").hexdigest()


def test_a_file_is_itself_under_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"x")
    [file] = scan(tmp_path / "m.onnx")
    assert (file.entry.path, file.source) == ("m.onnx", tmp_path / "m.onnx")


def test_links_are_refused(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "link").symlink_to("/etc/passwd")
    with pytest.raises(InvalidArgument, match="not a regular file"):
        scan(tmp_path / "m")


def test_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file or directory"):
        scan(tmp_path / "absent")
    with pytest.raises(InvalidArgument, match="holds no files"):
        scan(tmp_path)
