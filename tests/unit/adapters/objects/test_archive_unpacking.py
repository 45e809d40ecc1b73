"""Uploaded archives become blobs, and the scratch directory is empty afterwards, whatever happened."""

import asyncio
import io
import tarfile
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bms.adapters.objects import unpacking
from bms.adapters.objects.extraction import Extraction, Limits
from bms.adapters.objects.local import LocalObjectStore
from bms.adapters.objects.memory import MemoryObjectStore
from bms.adapters.objects.unpacking import Unpacker, kept_paths
from bms.control.platform.objects import ObjectStore
from bms.core.digest import of_bytes
from bms.core.errors import InvalidArgument, NotFound, PayloadTooLarge
from tests.cancelling import PLANS, LateThreads, Plan, every_await, open_below


def _tar(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


async def _put(objects: ObjectStore, content: bytes, tenant: str = "acme") -> str:
    async def chunks() -> AsyncIterator[bytes]:
        yield content

    return (await objects.put(tenant, chunks())).digest


async def test_every_member_becomes_a_blob_of_the_tenant(tmp_path: Path) -> None:
    objects = MemoryObjectStore()
    digest = await _put(objects, _tar(a=b"one", b=b""))
    files = await Unpacker.open(objects, tmp_path / "scratch").unpack("acme", digest)
    assert [(file.path, file.digest, file.size) for file in files] == [
        ("a", of_bytes(b"one"), 3),
        ("b", of_bytes(b""), 0),
    ]
    assert await objects.stat("acme", of_bytes(b"one")) is not None
    assert await objects.stat("other", of_bytes(b"one")) is None
    assert list((tmp_path / "scratch").iterdir()) == []
    with pytest.raises(NotFound, match="put it as a blob first"):
        await Unpacker.open(objects, tmp_path / "scratch").unpack("other", digest)


async def test_what_is_refused_leaves_nothing(tmp_path: Path) -> None:
    objects = MemoryObjectStore()
    unpacker = Unpacker(objects, tmp_path / "scratch", Limits(total=20_000))
    with pytest.raises(InvalidArgument, match="not an archive"):
        await unpacker.unpack("acme", await _put(objects, b"hello"))
    with pytest.raises(PayloadTooLarge):
        await unpacker.unpack("acme", await _put(objects, _tar(a=b"x" * 30_000)))
    with pytest.raises(InvalidArgument, match="not a digest"):
        await unpacker.unpack("acme", "sha256:../../x")
    assert list((tmp_path / "scratch").iterdir()) == []


async def test_a_cancelled_unpacking_waits_for_its_thread_and_cleans_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = MemoryObjectStore()
    began, may_go_on = threading.Event(), threading.Event()

    def slow(archive: Path, target: Path, _limits: Limits) -> list[Extraction]:
        began.set()
        assert may_go_on.wait(20)
        target.mkdir()
        (target / "late").write_bytes(archive.read_bytes())
        return []

    monkeypatch.setattr(unpacking, "unpack", slow)
    digest = await _put(objects, _tar(a=b"one"))
    running = asyncio.create_task(Unpacker(objects, tmp_path / "scratch").unpack("acme", digest))
    assert await asyncio.to_thread(began.wait, 20)
    running.cancel()
    await asyncio.sleep(0)
    assert not running.done()
    may_go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
async def test_an_unpacking_may_be_cancelled_at_every_await(tmp_path: Path, plan: Plan) -> None:
    threads, objects, scratch = LateThreads(), LocalObjectStore.open(tmp_path / "objects"), tmp_path / "scratch"
    digest = await _put(objects, _tar(a=b"one", b=b"x" * 2_000_000))
    unpacker = Unpacker.open(objects, scratch)
    before = open_below(tmp_path)

    async def unpack(_number: int) -> None:
        await unpacker.unpack("acme", digest)

    async def check(_number: int, _cancelled: bool) -> None:
        assert list(scratch.iterdir()) == []
        assert open_below(tmp_path) == before
        assert list((tmp_path / "objects" / "acme" / "tmp").iterdir()) == []

    assert await every_await(unpack, plan, check, threads) > 6
    assert not unpacker._turns.locked()


async def test_opening_removes_what_a_killed_process_left_and_spares_living_ones(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    (scratch / "left" / "files").mkdir(parents=True)
    (scratch / "left" / "files" / "a").write_bytes(b"x")
    held, lock = unpacking._held_directory(scratch)
    Unpacker.open(MemoryObjectStore(), scratch)
    assert list(scratch.iterdir()) == [held]
    unpacking._remove(held, lock)
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["saved/saved_model.pb", "saved/variables/v.index"], ["saved_model.pb", "variables/v.index"]),
        (["m/model.onnx", "__MACOSX/m/._model.onnx", "m/.DS_Store"], ["model.onnx"]),
        (["model.onnx", "weights/w.bin"], ["model.onnx", "weights/w.bin"]),
        (["model.onnx"], ["model.onnx"]),
        (["a/x", "b/x"], ["a/x", "b/x"]),
        (["__MACOSX/x"], ["x"]),
    ],
)
def test_the_one_folder_that_everything_lies_in_is_left_out(paths: list[str], names: list[str]) -> None:
    assert list(kept_paths(paths).values()) == names
