"""What workloads wrote can be read after they are forgotten, within bounds of size and time."""

import os
from pathlib import Path

import pytest

from bms.adapters.clusters.local import kept_logs
from bms.adapters.clusters.local.kept_logs import KeptLogs
from bms.adapters.clusters.local.workload_files import LocalWorkloadFiles
from bms.adapters.objects.memory import MemoryObjectStore
from bms.core.clock import ManualClock


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The workload's directory."""
    directory = tmp_path / "workloads" / "rep-1"
    directory.mkdir(parents=True)
    return directory


@pytest.fixture
def logs(tmp_path: Path, clock: ManualClock, own: Path) -> KeptLogs:
    files = LocalWorkloadFiles(lambda id: str(tmp_path / "workloads" / id), MemoryObjectStore())
    return KeptLogs.open(tmp_path / "kept", files, clock)


def forget(own: Path) -> None:
    for file in own.iterdir():
        file.unlink()
    own.rmdir()


async def test_a_log_is_read_while_its_workload_runs_and_after_it_is_forgotten(logs: KeptLogs, own: Path) -> None:
    assert await logs.read("rep-1", 0, 100) is None
    (own / "workload.log").write_bytes(b"one\ntwo\n")
    assert await logs.read("rep-1", 4, 100) == (b"two\n", 8)
    for _ in range(2):
        await logs.keep("rep-1")
    forget(own)
    await logs.keep("rep-1")
    assert await logs.read("rep-1", 4, 100) == (b"two\n", 8)
    await logs.drop(["rep-1", "rep-2"])
    assert await logs.read("rep-1", 0, 100) is None


async def test_of_a_long_log_the_end_is_kept_at_its_old_places(
    logs: KeptLogs, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_logs, "KEPT", 400)
    (own / "workload.log").write_bytes(b"0123456789\n" * 100)
    await logs.keep("rep-1")
    forget(own)
    assert await logs.read("rep-1", 1089, 100) == (b"0123456789\n", 1100)
    whole = await logs.read("rep-1", 0, 11)
    assert whole == (b"[log over 400 B: its first 902 bytes were removed here]\n0123456789\n", 913)


async def test_old_copies_go_and_the_oldest_where_there_are_too_many(
    tmp_path: Path, logs: KeptLogs, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.now().timestamp()
    for age, name in ((8 * 86_400, "old"), (600, "middle"), (300, "later"), (0, "last")):
        copy = tmp_path / "kept" / f"{name}.log"
        copy.write_bytes(b"x" * 10)
        os.utime(copy, (now - age, now - age))

    def left() -> set[str]:
        return {copy.stem for copy in (tmp_path / "kept").iterdir()}

    await logs.sweep()
    assert left() == {"middle", "later", "last"}
    monkeypatch.setattr(kept_logs, "KEPT_OF_ALL", 20)
    await logs.sweep()
    assert left() == {"later", "last"}


async def test_a_log_that_cannot_be_kept_keeps_nothing_from_ending(tmp_path: Path, logs: KeptLogs, own: Path) -> None:
    (own / "workload.log").write_bytes(b"one\n")
    (tmp_path / "kept").rmdir()
    await logs.keep("rep-1")
    assert await logs.read("rep-1", 0, 100) == (b"one\n", 4)
