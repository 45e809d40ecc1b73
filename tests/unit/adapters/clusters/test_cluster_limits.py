"""Cores are spread, and logs are cut without following what an untrusted writer put in their place."""

import os
from pathlib import Path

import pytest

from bms.adapters.clusters.limits import choose_cores, threads, trim_log


@pytest.mark.parametrize(
    ("cpu", "allowed", "taken", "chosen"),
    [
        (1, [0, 1], [], (0,)),
        (1, [0, 1], [(0,)], (1,)),
        (1, [0, 1], [(0,), (1,)], (0,)),
        (0.5, [0, 1, 2], [(0, 1)], (2,)),
        (1.5, [0, 1, 2, 3], [(0,), (2,)], (1, 3)),
        (2, [0, 1], [(0,)], (0, 1)),
        (8, [2, 5], [], (2, 5)),
        (1, [4, 6], [(0,), (4,)], (6,)),
    ],
)
def test_the_least_loaded_cores_are_chosen(
    cpu: float, allowed: list[int], taken: list[tuple[int, ...]], chosen: tuple[int, ...]
) -> None:
    assert choose_cores(cpu, allowed, taken) == chosen


@pytest.mark.parametrize(("cpu", "count"), [(0.1, 1), (1, 1), (1.2, 2), (4, 4)])
def test_threads_are_cores_rounded_up(cpu: float, count: int) -> None:
    assert threads(cpu) == count


def test_a_log_within_its_limit_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"x" * 100)
    assert not trim_log(log, 100)
    assert log.read_bytes() == b"x" * 100


def test_a_log_over_its_limit_keeps_its_last_whole_lines(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"".join(b"line %03d\n" % number for number in range(100)))
    writer = os.open(log, os.O_WRONLY | os.O_APPEND)
    assert trim_log(log, 400)
    os.write(writer, b"afterwards\n")
    os.close(writer)
    note, *lines = log.read_text().splitlines()
    assert note == "[log over 400 B: the first 702 B were removed here]"
    assert lines == [f"line {number:03}" for number in range(78, 100)] + ["afterwards"]


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_another_file_in_a_logs_place_is_not_cut(tmp_path: Path, link: object) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"x" * 1000)
    assert callable(link)
    link(victim, tmp_path / "a.log")
    assert not trim_log(tmp_path / "a.log", 100)
    assert victim.read_bytes() == b"x" * 1000


def test_a_pipe_in_a_logs_place_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.log")
    assert not trim_log(tmp_path / "a.log", 0)
    assert not trim_log(tmp_path / "absent.log", 0)
