"""The gateway's state on its disk: steps are added, now and then all is written anew, and damage adds nothing."""

import asyncio
import contextlib
from pathlib import Path

import msgspec
import pytest

from bms.adapters.snapshots import state_file
from bms.adapters.snapshots.state_file import StateKeeper, append_step, load_state, save_state
from bms.core.serving.snapshot import Entry, KeyEntry, SnapshotState, SnapshotUpdate
from bms.serving.traffic.snapshot_index import SnapshotIndex


class Quota(msgspec.Struct, frozen=True, kw_only=True, tag="quota"):
    """An entry of a kind that this release does not know."""

    id: str
    tenant: str


def key(number: int, user: str = "u") -> KeyEntry:
    return KeyEntry(id=f"k{number}", tenant="t", user=user, role="owner", scopes=frozenset(), digest=b"d" * 32)


def state(*entries: Entry, revision: int = 1) -> SnapshotState:
    return SnapshotState(revision=revision, pepper=b"p", entries=entries)


def step(revision: int, *puts: Entry, gone: tuple[int, ...] = ()) -> SnapshotUpdate:
    deletes = tuple(("key", f"k{number}") for number in gone)
    return SnapshotUpdate(revision=revision, full=False, puts=puts, deletes=deletes)


def test_steps_are_replayed_over_what_the_file_began_with(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    save_state(path, state(key(1), key(2)))
    append_step(path, step(2, key(3), key(1, "other")))
    append_step(path, step(3, gone=(2,)))
    assert load_state(path) == state(key(1, "other"), key(3), revision=3)


def test_a_step_that_was_cut_off_or_damaged_is_left_out_with_all_after_it(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    save_state(path, state(key(1)))
    append_step(path, step(2, key(2)))
    good, whole = path.stat().st_size, state(key(1), key(2), revision=2)
    append_step(path, step(3, key(3)))
    data = path.read_bytes()
    for end in range(good, len(data)):
        path.write_bytes(data[:end])
        assert load_state(path) == whole
    path.write_bytes(data[: good + 9] + bytes([data[good + 9] ^ 1]) + data[good + 10 :])
    append_step(path, step(4, key(4)))
    assert load_state(path) == whole


def test_entries_of_kinds_that_a_later_release_wrote_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    save_state(path, state(key(1)))
    append_step(path, step(2, Quota(id="q", tenant="t"), key(2)))  # type: ignore[arg-type]
    append_step(path, step(3, key(3)))
    assert load_state(path) == state(key(1), key(2), key(3), revision=3)


def test_a_file_that_lost_its_beginning_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    save_state(path, state(*(key(number) for number in range(200))))
    data = path.read_bytes()
    for end in (0, 3, 4, 12, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:end])
        assert load_state(path) is None
    path.write_bytes(data[:4])
    append_step(path, step(2, key(1)))
    assert load_state(path) is None, "a step alone is no state"


class Keeping:
    """A keeper at work on what a gateway routes by."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.index = SnapshotIndex()
        self.keeper = StateKeeper(path, lambda: self.index.state(), interval_s=0.0)

    async def take(self, update: SnapshotUpdate) -> None:
        """Returns when the file holds the step."""
        self.index = self.index.apply(update)
        self.keeper.changed()
        async with asyncio.timeout(20):
            while (kept := load_state(self.path)) is None or kept.revision != update.revision:
                await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def keeping(path: Path):  # type: ignore[no-untyped-def]
    at = Keeping(path)
    task = asyncio.create_task(at.keeper.run())
    try:
        yield at
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_one_change_among_many_entries_adds_only_itself_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    everything = tuple(key(number) for number in range(500))
    async with keeping(path) as at:
        await at.take(SnapshotUpdate(revision=1, full=True, puts=everything, pepper=b"p"))
        began, file = path.stat().st_size, path.stat().st_ino
        await at.take(step(2, key(1000), gone=(7,)))
        assert path.stat().st_ino == file
        assert path.stat().st_size - began < began / 100
        assert load_state(path) == at.index.state()


async def test_a_file_is_written_anew_when_steps_have_become_more_than_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_file, "LEAST_APPENDED", 2000)
    path = tmp_path / "snapshot"
    async with keeping(path) as at:
        await at.take(SnapshotUpdate(revision=1, full=True, puts=(key(0),), pepper=b"p"))
        sizes = []
        for number in range(100):
            await at.take(step(2 + number, key(1, f"user-{number}")))
            sizes.append(path.stat().st_size)
        assert max(sizes) < 3000
        assert sizes != sorted(sizes)
        assert load_state(path) == at.index.state()


async def test_after_a_failed_write_everything_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "snapshot"
    real = append_step

    def torn(at: Path, update: SnapshotUpdate) -> int:
        real(at, update)
        with at.open("r+b") as file:
            file.truncate(at.stat().st_size - 3)
        raise OSError("the disk is full")

    async with keeping(path) as at:
        await at.take(SnapshotUpdate(revision=1, full=True, puts=(key(0),), pepper=b"p"))
        monkeypatch.setattr(state_file, "append_step", torn)
        await at.take(step(2, key(1)))
        monkeypatch.setattr(state_file, "append_step", real)
        await at.take(step(3, key(2)))
        assert load_state(path) == at.index.state()
