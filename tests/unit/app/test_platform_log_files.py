"""Log files of the platform's processes."""

import os
from pathlib import Path

from bms.app.supervisor.log_files import cap, open_log, tail


def test_a_full_log_makes_room_and_its_writer_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "control.log"
    writer = open_log(path)
    os.write(writer, b"x" * 100)
    assert not cap(path, limit=100)
    os.write(writer, b"y")
    assert cap(path, limit=100)
    os.write(writer, b"after")
    os.close(writer)
    assert path.read_text() == "[the 101 B before this line are in control.log.1, and what that held is gone]\nafter"
    assert (tmp_path / "control.log.1").read_bytes() == b"x" * 100 + b"y"
    assert {each.stat().st_mode & 0o777 for each in tmp_path.iterdir()} == {0o600}


def test_a_log_that_is_not_there_is_not_full(tmp_path: Path) -> None:
    assert not cap(tmp_path / "absent.log")
    assert tail(tmp_path / "absent.log") == ""


def test_the_tail_is_whole_lines_since_a_place(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("before\n" + "".join(f"line {n}\n" for n in range(100)))
    assert tail(path, size=15) == "line 99"
    assert tail(path, start=7, size=10_000).startswith("line 0\n")
    assert tail(path, start=10_000, size=15) == "line 99"
