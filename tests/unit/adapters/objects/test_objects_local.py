"""What only a disk can do: kills, full disks, order of writes, several processes."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from bms.adapters.objects import upload as upload_module
from bms.adapters.objects.local import LocalObjectStore
from bms.core.digest import of_bytes
from bms.core.errors import ResourceExhausted, Unavailable

UPLOADER = """
import asyncio, sys
from pathlib import Path
from bms.adapters.objects.local import LocalObjectStore

async def endless():
    for number in range(1_000_000):
        yield bytes([number % 251]) * (1 << 20)
        if number == 3:
            print("busy", flush=True)
            await asyncio.Event().wait()

asyncio.run(LocalObjectStore.open(Path(sys.argv[1])).put("acme", endless()))
"""


async def stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


@pytest.fixture
def uploader(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A real process in the middle of an upload of several MiB."""
    command = [sys.executable, "-c", UPLOADER, str(tmp_path / "objects")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "busy\n"
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


async def test_a_killed_upload_leaves_nothing_visible_and_is_cleaned_at_the_next_start(
    uploader: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    uploader.send_signal(signal.SIGKILL)
    uploader.wait(timeout=30)
    root = tmp_path / "objects"
    assert [path.stat().st_size for path in files(root)] == [4 << 20]  # what the kill left
    assert [blob async for blob in LocalObjectStore(root).blobs("acme")] == []
    store = LocalObjectStore.open(root)
    assert files(root) == []
    assert [blob async for blob in store.blobs("acme")] == []


async def test_a_start_spares_the_uploads_of_living_processes(
    uploader: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    LocalObjectStore.open(tmp_path / "objects")
    assert len(files(tmp_path / "objects")) == 1
    assert uploader.poll() is None


async def test_a_failed_upload_leaves_no_temporary_file(tmp_path: Path) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"x" * (2 << 20)
        raise ConnectionResetError

    store = LocalObjectStore.open(tmp_path / "objects")
    with pytest.raises(ConnectionResetError):
        await store.put("acme", failing())
    assert files(tmp_path) == []


async def test_a_full_disk_is_reported_and_nothing_is_left(small_disk: Path) -> None:
    store = LocalObjectStore.open(small_disk / "objects")
    kept = await store.put("acme", stream(b"kept"))
    with pytest.raises(ResourceExhausted, match=r"the disk is full; nothing was kept\. Free some space"):
        await store.put("acme", stream(*[os.urandom(1 << 20)] * 3))
    assert [path.name for path in files(small_disk)] == [kept.digest.removeprefix("sha256:")]
    assert (await store.put("acme", stream(os.urandom(1 << 20)))).size == 1 << 20


async def test_a_copy_to_a_full_disk_is_reported_and_nothing_is_left(small_disk: Path, tmp_path: Path) -> None:
    store = LocalObjectStore.open(tmp_path / "objects")
    digest = (await store.put("acme", stream(os.urandom(3 << 20)))).digest
    with pytest.raises(ResourceExhausted, match="the disk is full"):
        await store.materialize("acme", digest, small_disk / "copy")
    assert files(small_disk) == []


async def test_content_is_on_disk_before_its_name_and_its_name_before_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalObjectStore.open(tmp_path / "objects")
    await store.put("acme", stream(b"makes the directories"))
    steps: list[str] = []
    real_fsync, real_rename = os.fsync, os.rename

    def fsync(descriptor: int) -> None:
        steps.append("fsync " + Path(os.readlink(f"/proc/self/fd/{descriptor}")).suffix)
        real_fsync(descriptor)

    def rename(source: Path, target: Path) -> None:
        steps.append("rename")
        real_rename(source, target)

    monkeypatch.setattr(upload_module.os, "fsync", fsync)
    monkeypatch.setattr(upload_module.os, "rename", rename)
    digest = (await store.put("acme", stream(b"makes the directories"))).digest
    assert steps == ["fsync .part", "rename", "fsync "]
    name = digest.removeprefix("sha256:")
    path = tmp_path / "objects" / "acme" / "sha256" / name[:2] / name
    assert path.stat().st_mode & 0o777 == 0o400


async def test_the_loop_runs_on_while_a_large_blob_is_written_and_read(tmp_path: Path) -> None:
    store = LocalObjectStore.open(tmp_path / "objects")
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counter = asyncio.create_task(count())
    whole = os.urandom(16 << 20)
    digest = (await store.put("acme", stream(whole))).digest
    after_put = turns
    assert [len(chunk) async for chunk in store.read("acme", digest)] == [1 << 20] * 16
    counter.cancel()
    assert after_put > 16
    assert turns - after_put > 16


async def test_foreign_files_are_not_blobs(tmp_path: Path) -> None:
    store = LocalObjectStore.open(tmp_path / "objects")
    digest = (await store.put("acme", stream(b"x"))).digest
    name = digest.removeprefix("sha256:")
    (tmp_path / "objects" / "acme" / "sha256" / name[:2] / "README").write_text("not a blob")
    assert [blob.digest async for blob in store.blobs("acme")] == [digest]
    assert [blob.digest for blob in await store.sweep("acme", frozenset(), -1)] == [digest]


async def test_two_processes_put_the_same_blob_at_once(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from pathlib import Path
from bms.adapters.objects.local import LocalObjectStore

async def once():
    yield b"shared" * 200_000

async def main():
    store = LocalObjectStore.open(Path(sys.argv[1]))
    for _ in range(20):
        await store.put("acme", once())

asyncio.run(main())
"""
    command = [sys.executable, "-c", program, str(tmp_path / "objects")]
    processes = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    store = LocalObjectStore.open(tmp_path / "objects")
    assert [blob.digest async for blob in store.blobs("acme")] == [of_bytes(b"shared" * 200_000)]
    assert len(files(tmp_path)) == 1


async def _uses(store: LocalObjectStore, folder: Path) -> list[Callable[[], Awaitable[object]]]:
    """Every way to ask for a blob that is there, and to store another."""
    kept = (await store.put("acme", stream(b"kept"))).digest

    async def read() -> bytes:
        return b"".join([chunk async for chunk in store.read("acme", kept)])

    return [
        lambda: store.stat("acme", kept),
        read,
        lambda: store.materialize("acme", kept, folder / "copy"),
        lambda: store.share("acme", kept, folder / "shared"),
        lambda: store.put("acme", stream(b"new")),
        lambda: store.put("other", stream(b"new")),
    ]


@pytest.mark.parametrize("gone", ["moved", "unmounted", "no folder"])
async def test_while_the_folder_is_away_nothing_is_missing_and_nothing_is_written_in_its_place(
    tmp_path: Path, gone: str
) -> None:
    root, aside = tmp_path / "objects", tmp_path / "aside"
    store = LocalObjectStore.open(root)
    uses = await _uses(store, tmp_path)
    root.rename(aside)
    if gone == "unmounted":
        root.mkdir()
    elif gone == "no folder":
        root.write_bytes(b"")
    for use in uses:
        with pytest.raises(Unavailable, match="folder of objects"):
            await use()
    if gone == "moved":
        assert not root.exists()
    elif gone == "unmounted":
        assert list(root.iterdir()) == []
        root.rmdir()
    else:
        root.unlink()
    aside.rename(root)
    for use in uses:
        await use()
    assert (tmp_path / "copy").read_bytes() == b"kept"


async def test_a_new_folder_is_empty_and_not_away(tmp_path: Path) -> None:
    store = LocalObjectStore.open(tmp_path / "objects")
    assert await store.stat("acme", of_bytes(b"new")) is None
    assert (await store.put("acme", stream(b"new"))).digest == of_bytes(b"new")
