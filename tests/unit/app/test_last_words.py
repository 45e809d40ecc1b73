"""The last line of a process's log, as words for people."""

from pathlib import Path

import pytest

from bms.app.ground import _last_line


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (
            '{"level":"INFO","message":"up"}\n{"level":"ERROR","message":"can\'t load","reason":"no such file"}\n',
            "can't load: no such file",
        ),
        ("Traceback …\nMemoryError\n\n", "MemoryError"),
        ('{"at":"2026","event":"could not load","reason":"no such file"}\n', "could not load: no such file"),
        ('{"at":"2026","event":"available","format":"onnx","seconds":0.1}\n', "available"),
        ('{"message":"broken","error":"Traceback"}\n', "broken: Traceback"),
        ('{"other": 1}\n', ""),
        ("", ""),
        ("x" * 10_000, "x" * 4096),
    ],
)
def test_the_last_line_is_told_in_words(tmp_path: Path, log: str, words: str) -> None:
    path = tmp_path / "workload.log"
    path.write_text(log)
    assert _last_line(path) == words


def test_without_a_log_there_are_no_words(tmp_path: Path) -> None:
    assert _last_line(tmp_path / "none") == ""
