"""Logs of workloads are kept small, and are read by places that no cut moves."""

import errno
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bms.adapters.clusters import log_files
from bms.adapters.clusters.local.plain_files import piece_of
from bms.adapters.clusters.log_files import trim


def read(log: Path, offset: int, limit: int) -> tuple[bytes, int]:
    """What a reader is shown of a log from a place on, and the place to read on from."""
    piece = piece_of(str(log.parent), log.name, offset, limit, cut=True)
    assert piece is not None
    return piece.note + piece.content, piece.next


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
    content, place = read(log, 0, 1000)
    note, *kept = content.decode().splitlines()
    assert note == "[log over 400 B: its first 702 bytes were removed here]"
    assert kept == [f"line {number:03}" for number in range(78, 100)] + ["afterwards"]
    assert place == 911


WRITER = """
import os, sys
log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
for number in range(int(sys.argv[2])):
    os.write(log, b"%09d\\n" % number)
"""


@pytest.mark.parametrize("whole_blocks", [True, False])
def test_a_fast_writer_loses_nothing_while_its_log_is_cut(
    tmp_path: Path, whole_blocks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads along sees the oldest go, and everything else once and in order; so with blocks and with holes."""
    if not whole_blocks:
        monkeypatch.setattr(log_files, "_take_blocks", refuses)
    log = tmp_path / "a.log"
    log.touch()
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(log), "200000"])
    whole = b"".join(b"%09d\n" % number for number in range(200_000))
    cuts, place = 0, 0
    while writer.poll() is None:
        cuts += trim(log, 64 << 10)
        content, place = read(log, place, 1 << 20)
        content = content[content.startswith(b"[log") and content.index(b"\n") + 1 :]
        assert content == whole[place - len(content) : place]
    assert cuts > 1
    trim(log, 64 << 10)
    content, end = read(log, 0, 1 << 20)
    note, _, content = content.partition(b"\n")
    assert note.startswith(b"[log over 65.5 kB: its first")
    assert (content, end) == (whole[-len(content) :], len(whole))
    assert log.stat().st_blocks * 512 <= 96 << 10, "what is gone needs no disk"


def refuses(descriptor: int, at: int, limit: int, gone: int) -> None:
    raise OSError(errno.EOPNOTSUPP, "no such thing here")


def test_two_that_cut_at_once_cut_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who looks at a workload, and who ends it."""
    take_blocks = log_files._take_blocks

    def slow(descriptor: int, at: int, limit: int, gone: int) -> None:
        time.sleep(0.05)
        take_blocks(descriptor, at, limit, gone)

    monkeypatch.setattr(log_files, "_take_blocks", slow)
    log, limit = tmp_path / "a.log", 64 << 10
    log.write_bytes(lines(0, 40_000))
    with ThreadPoolExecutor(2) as both:
        assert sorted(both.map(lambda _: trim(log, limit), range(2))) == [False, True]
    content, _ = read(log, 0, 2 * limit)
    assert limit // 2 - 100 <= len(content) <= limit
    assert content.endswith(lines(39_000, 40_000))


def test_a_file_system_without_holes_has_its_logs_cut_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for way in ("_take_blocks", "_punch_hole"):
        monkeypatch.setattr(log_files, way, refuses)
    log = tmp_path / "a.log"
    log.write_bytes(lines(0, 100))
    assert trim(log, 400)
    assert read(log, 882, 1000) == (lines(98, 100), 900)
    assert log.stat().st_size < 400


@pytest.mark.parametrize("begin", [10**18 - 1, 9 << 20])
def test_a_note_that_a_workload_writes_itself_does_not_keep_its_log_from_being_cut(tmp_path: Path, begin: int) -> None:
    """One that leads beyond the end, and one that leads past bytes that are there."""
    log, limit = tmp_path / "a.log", 4 << 20
    note = b"[log over 4.2 MB: its first 1 bytes were removed here; it goes on at byte %d of this file]\n" % begin
    log.write_bytes(note + b"x" * 99 + b"\n")
    assert read(log, 0, 1000)[0].startswith(note)  # until there are so many, it is a line like others
    with log.open("ab") as writer:
        writer.write((b"x" * 1023 + b"\n") * (12 << 10))
    assert trim(log, limit)
    content, _ = read(log, 0, 2 * limit)
    assert content.startswith(b"[log over 4.2 MB: its first ")
    assert len(content) <= limit
    assert log.stat().st_blocks * 512 <= limit


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
    for name in ("link.log", "named.log", "pipe.log", "absent.log"):
        assert piece_of(str(tmp_path), name, 3, 100, cut=True) is None
