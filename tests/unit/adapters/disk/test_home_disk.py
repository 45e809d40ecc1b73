"""A home's files are counted by what they are for, each once, and no other thread waits for it."""

import asyncio
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from bms.adapters.disk.home import HomeDisk
from bms.app.home.directory import Home
from bms.control.retention.nouns import DiskUse

BLOB = 300_000


@pytest.fixture
def home(tmp_path: Path) -> Path:
    place = Home(tmp_path / "home")
    place.prepare()
    return place.root


def _write(path: Path, size: int = BLOB) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(size))
    return path


async def _uses(home: Path) -> dict[tuple[str, str], DiskUse]:
    return {(use.kind, use.tenant): use for use in await HomeDisk(home).uses()}


async def test_every_file_counts_with_what_it_is_for(home: Path) -> None:
    for path in (
        "objects/acme/sha256/aa/1",
        "objects/acme/sha256/ab/2",
        "objects/other/sha256/aa/1",
        "bms.db",
        "bms.db-wal",
        "journal/0/segment",
        "environments/e/lib/a.py",
        "slim/s/bms/core.py",
        "cache/trees/acme/1/model.onnx",
        "cache/trees/.building/2/model.onnx",
        "cache/unpacking/3",
        "run/workloads/job_1-a1/output",
        "logs/control.log",
        "logs/replicas/rep_1.log",
        "admin.key",
    ):
        _write(home / path)
    found = await _uses(home)
    assert {key: use.files for key, use in found.items()} == {
        ("objects", "acme"): 2,
        ("objects", "other"): 1,
        ("database", ""): 2,
        ("journal", ""): 1,
        ("environments", ""): 1,
        ("slim", ""): 1,
        ("trees", ""): 1,
        ("trees", "acme"): 1,
        ("cache", ""): 1,
        ("workloads", ""): 1,
        ("logs", ""): 1,
        ("replica logs", ""): 1,
        ("other", ""): 2,  # with the layout's number
    }
    assert BLOB * 2 <= found["objects", "acme"].bytes < BLOB * 2.2
    assert sum(use.bytes for use in found.values()) <= _du(home)


async def test_a_file_with_several_names_counts_once_with_objects_first(home: Path) -> None:
    blob = _write(home / "objects/acme/sha256/aa/1")
    for name in ("1", "2"):
        (home / "cache/trees/acme" / name).mkdir(parents=True)
        os.link(blob, home / "cache/trees/acme" / name / "model.onnx")
    elsewhere = _write(home.parent / "elsewhere")
    (home / "environments/e").mkdir()
    os.link(elsewhere, home / "environments/e/numpy.so")
    found = await _uses(home)
    assert found["objects", "acme"].bytes >= BLOB
    assert (found["trees", "acme"].files, found["trees", "acme"].bytes < BLOB / 2) == (2, True)
    assert found["environments", ""].bytes >= BLOB
    shutil.rmtree(home / "cache")
    assert (await _uses(home))["objects", "acme"].bytes == found["objects", "acme"].bytes


async def test_links_are_not_followed_and_what_is_closed_to_all_is_passed_over(home: Path) -> None:
    _write(home.parent / "outside" / "large", 10 * BLOB)
    (home / "run/workloads/one").mkdir()
    (home / "run/workloads/one/out").symlink_to(home.parent / "outside")
    (home / "run/workloads/closed").mkdir(mode=0)
    assert (await _uses(home))["workloads", ""].bytes < BLOB


async def test_others_go_on_while_it_is_measured_and_its_end_is_soon_when_nobody_waits(home: Path) -> None:
    for number in range(4000):
        (home / "cache" / str(number)).touch()
    loop, longest = asyncio.get_running_loop(), 0.0
    measuring = asyncio.ensure_future(HomeDisk(home).uses())
    while not measuring.done():
        before = loop.time()
        await asyncio.sleep(0)
        longest = max(longest, loop.time() - before)
    assert {use.kind: use.files for use in measuring.result()}["cache"] == 4000
    assert longest < 0.5, longest
    leaving = asyncio.ensure_future(HomeDisk(home).uses())
    await asyncio.sleep(0)
    leaving.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert time.monotonic() - began < 5


async def test_the_file_system_says_what_it_has(home: Path) -> None:
    found = await HomeDisk(home).file_system()
    assert 0 <= found.free <= found.size
    assert found.size == shutil.disk_usage(home).total


def _du(folder: Path) -> int:
    """Bytes by the system's own count."""
    said = subprocess.run(["du", "-s", "-B1", str(folder)], capture_output=True, text=True, check=True).stdout
    return int(said.split()[0])
