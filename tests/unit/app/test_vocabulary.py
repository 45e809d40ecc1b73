"""The file of `bms up --openai-tokens`."""

from pathlib import Path

import pytest

from bms.app.gateway.vocabulary import vocabulary_if_there, vocabulary_of
from bms.core.errors import InvalidArgument


def test_a_vocabulary_is_read_and_none_is_none(tmp_path: Path) -> None:
    path = tmp_path / "tokens.tiktoken"
    path.write_bytes(b"aGk= 0\n")
    found = vocabulary_of(str(path))
    assert found is not None
    assert found.text([0, 0]) == b"hihi"
    assert vocabulary_of("") is None


def test_a_file_that_is_none_stops_the_start_by_its_name_but_no_gateway(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("{}")
    for path, says in ((wrong, "line 1 is no token"), (tmp_path / "gone", "No such file")):
        with pytest.raises(InvalidArgument, match=f"--openai-tokens {path}: {says}"):
            vocabulary_of(str(path))
        assert vocabulary_if_there(str(path)) is None
