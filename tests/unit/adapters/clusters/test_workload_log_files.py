"""Logs of workloads are kept small, and are read by places that no cut moves."""

import os
from pathlib import Path

import pytest

from bms.adapters.clusters.log_files import read, trim


def lines(first: int, last: int) -> bytes:
    return b"".join(b"line %03d\n" % number for number in range(first, last))


def test_a_log_within_its_limit_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"x" * 100)
    assert not trim(log, 100)
    assert log.read_bytes() == b"x" * 100


def test_a_log_over_its_limit_keeps_its_last_whole_lines(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"".join(b"line %03d\n" % number for number in range(100)))
    writer = os.open(log, os.O_WRONLY | os.O_APPEND)
    assert trim(log, 400)
    os.write(writer, b"afterwards\n")
    os.close(writer)
    note, *lines = log.read_text().splitlines()
    assert note == "[log over 400 B: its first 702 bytes were removed here]"
    assert lines == [f"line {number:03}" for number in range(78, 100)] + ["afterwards"]


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_another_file_in_a_logs_place_is_not_cut(tmp_path: Path, link: object) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"x" * 1000)
    assert callable(link)
    link(victim, tmp_path / "a.log")
    assert not trim(tmp_path / "a.log", 100)
    assert victim.read_bytes() == b"x" * 1000


def test_a_pipe_in_a_logs_place_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.log")
    assert not trim(tmp_path / "a.log", 0)
    assert not trim(tmp_path / "absent.log", 0)


def test_places_count_from_where_a_log_once_began(tmp_path: Path) -> None:
    """Whoever read on before a cut reads on after it, and misses and repeats nothing."""
    log = tmp_path / "a.log"
    log.write_bytes(lines(0, 100))
    assert read(log, 0, 18) == (lines(0, 2), 18)
    assert read(log, 882, 1000) == (lines(98, 100), 900)
    assert trim(log, 400)
    with log.open("ab") as writer:
        writer.write(lines(100, 102))
    assert read(log, 882, 1000) == (lines(98, 102), 918)
    assert read(log, 918, 1000) == (b"", 918)
    assert trim(log, 180), "a second time, and the count goes on"
    assert read(log, 918, 1000) == (b"", 918)
    note = b"[log over 180 B: its first 837 bytes were removed here]\n"
    assert read(log, 18, 1000) == (note + lines(93, 102), 918)
    assert read(log, 18, 27) == (note + lines(93, 96), 864)


def test_nothing_is_read_of_what_is_no_plain_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    os.symlink(tmp_path / "secret", tmp_path / "link.log")
    os.link(tmp_path / "secret", tmp_path / "named.log")
    os.mkfifo(tmp_path / "pipe.log")
    for name in ("link.log", "named.log", "pipe.log"):
        assert read(tmp_path / name, 3, 100) == (b"", 3)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "absent.log", 0, 100)
