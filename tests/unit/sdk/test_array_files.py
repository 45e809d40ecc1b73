"""NumPy's files that are broken, or larger than they look."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from bms.cli.predict.data import read_data
from bms.core.errors import InvalidArgument
from bms.sdk.examples import described_version
from bms.sdk.files import arrays as array_files
from bms.sdk.files.json_text import read_json
from bms.sdk.nouns.models import NewVersion


def packed(path: Path, content: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("x.npy", content)
    return path


def claiming(*shape: int) -> bytes:
    """The header of an array of this shape, and a few of its numbers."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return header.getvalue() + bytes(64)


@pytest.mark.parametrize("shape", [(3, 4), (10**10, 4), (10**15, 4)])
def test_fewer_numbers_than_are_claimed_are_no_array(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = packed(tmp_path / "e.npz", claiming(*shape)[:-32])
    with pytest.raises(InvalidArgument, match=r"e\.npz holds no arrays that can be read"):
        described_version(NewVersion(), (), path)
    with pytest.raises(InvalidArgument, match=r"e\.npz holds no arrays that can be read"):
        read_data(str(path))


def test_broken_bytes_are_no_array(tmp_path: Path) -> None:
    path = packed(tmp_path / "e.npz", claiming(4, 4))
    content = bytearray(path.read_bytes())
    content[45:60] = bytes(15)
    path.write_bytes(content)
    (tmp_path / "empty.npy").write_bytes(b"")
    for file in (path, tmp_path / "empty.npy"):
        with pytest.raises(InvalidArgument, match="holds no arrays that can be read"):
            array_files.read_arrays(file)


def test_what_unpacks_to_too_much_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_files, "MOST", 1000)
    path = tmp_path / "e.npz"
    np.savez_compressed(path, x=np.zeros((100, 4)))
    with pytest.raises(InvalidArgument, match=r"e.npz unpacks to 3,\d+ bytes, 1,000 are allowed: take fewer rows"):
        array_files.read_arrays(path)
    np.savez_compressed(path, x=np.zeros((1, 4)))
    assert list(array_files.read_arrays(path)) == ["x"]


@pytest.mark.parametrize("text", ["[" * 100_000 + "]" * 100_000, "[NaN," + "[" * 100_000])
def test_json_of_too_many_levels_is_refused_in_words(text: str) -> None:
    with pytest.raises(InvalidArgument, match=r"more levels of lists|is not JSON"):
        read_json(text, "rows.json")
