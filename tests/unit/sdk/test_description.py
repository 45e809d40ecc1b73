import json
from pathlib import Path

import pytest

from bms.core.errors import InvalidArgument
from bms.sdk.files.description import description, with_description
from bms.sdk.files.local import LocalFile, in_memory, scan


def content(files: list[LocalFile]) -> dict[str, object]:
    found = next(file.source for file in files if file.entry.path == "bms.json")
    said: dict[str, object] = json.loads(found.read_bytes() if isinstance(found, Path) else found)
    return said


def test_a_description_is_added_to_what_is_pushed() -> None:
    files = with_description([in_memory("model.onnx", b"x")], description(False))
    assert [file.entry.path for file in files] == ["bms.json", "model.onnx"]
    assert content(files) == {"batched": False}


def test_what_it_said_before_is_kept(tmp_path: Path) -> None:
    (tmp_path / "bms.json").write_text('{"labels": ["a"], "batched": false}')
    files = with_description(scan(tmp_path), description(True))
    assert content(files) == {"labels": ["a"], "batched": True}
    assert (tmp_path / "bms.json").read_text() == '{"labels": ["a"], "batched": false}'


@pytest.mark.parametrize("text", [b"[1]", b"{", b"\xff"])
def test_a_description_that_is_none_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidArgument, match=r"'bms\.json' does not describe a model"):
        with_description([in_memory("bms.json", text)], description(True))


def test_a_description_that_is_too_deep_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"'bms\.json' has more levels"):
        with_description([in_memory("bms.json", b'{"a":' + b"[" * 100_000)], description(True))


def test_only_what_is_said_is_written() -> None:
    assert description(None) == {}
    assert description(None, 8, {"x": "NCHW"}) == {"max_batch_size": 8, "formats": {"x": "NCHW"}}
    with pytest.raises(InvalidArgument, match="max_batch_size is 0, expected the most rows"):
        description(None, 0)
    with pytest.raises(InvalidArgument, match="the format of input 'x' is 'HWC', expected NCHW or NHWC"):
        description(None, None, {"x": "HWC"})
