"""What a job's process wrote is read without trusting any of it."""

import os
from pathlib import Path

import pytest

from bms.adapters.clusters.local.workload_files import LocalWorkloadFiles
from bms.adapters.jobs.attempt_files import LAST_WORDS, MAX_NOTES, NotedAttemptFiles
from bms.adapters.objects.memory import MemoryObjectStore
from bms.control.platform.trees import get_tree
from bms.control.platform.workload_files import MAX_RESULT
from bms.core.errors import DataLoss, InvalidArgument

SECRET = b"the platform's secret"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "work" / "w").mkdir(parents=True)
    (tmp_path / "secret").write_bytes(SECRET)
    return tmp_path / "work" / "w"


@pytest.fixture
def objects() -> MemoryObjectStore:
    return MemoryObjectStore()


@pytest.fixture
def files(work: Path, tmp_path: Path, objects: MemoryObjectStore) -> NotedAttemptFiles:
    return NotedAttemptFiles.open(tmp_path / "notes", LocalWorkloadFiles(lambda id: str(work.parent / id), objects))


async def test_a_log_is_notes_then_the_process_s_own_at_one_line_of_offsets(
    files: NotedAttemptFiles, work: Path
) -> None:
    assert (await files.size("w", "log"), await files.read("w", "log", 0, 100)) == (0, b"")
    files.note("w", "resolving")
    files.note("w", "built\n")
    (work / "job.log").write_bytes(b"epoch 1\n")
    (work / "events.jsonl").write_bytes(b"{}\n")
    assert await files.size("w", "log") == 24
    whole, offset = b"", 0
    while piece := await files.read("w", "log", offset, 7):
        whole, offset = whole + piece, offset + len(piece)
    assert whole == b"resolving\nbuilt\nepoch 1\n"
    assert await files.read("w", "events", 1, 10) == b"}\n"
    assert await files.noted() == {"w"}
    await files.remove("w")
    await files.remove("w")
    assert await files.noted() == frozenset()
    assert await files.read("w", "log", 0, 100) == b"epoch 1\n"


async def test_notes_are_bounded(files: NotedAttemptFiles) -> None:
    files.note("w", "\ud800" + "x" * 100_000)
    assert await files.size("w", "log") < 10_000
    for _ in range(MAX_NOTES // 8000 + 10):
        files.note("w", "x" * 10_000)
    size = await files.size("w", "log")
    assert size < MAX_NOTES + 10_000
    said = (await files.read("w", "log", 0, size)).decode(errors="replace").splitlines()
    assert said[1].endswith("x [1808 bytes more are left out here]")
    assert said[-1].startswith("[the log before the job's start was too long")


@pytest.mark.parametrize("name", ["job.log", "events.jsonl", "result.json", "workload.log"])
@pytest.mark.parametrize("trick", ["link", "hard link", "pipe", "directory", "linked directory"])
async def test_no_trick_makes_us_read_what_is_not_the_job_s(
    files: NotedAttemptFiles, work: Path, name: str, trick: str
) -> None:
    match trick:
        case "link":
            (work / name).symlink_to(work.parent.parent / "secret")
        case "hard link":
            os.link(work.parent.parent / "secret", work / name)
        case "pipe":
            os.mkfifo(work / name)
        case "directory":
            (work / name).mkdir()
        case _:
            (work / name).write_bytes(SECRET)
            work.rename(work.parent / "elsewhere")
            work.symlink_to(work.parent / "elsewhere")
    for record in ("log", "events"):
        assert await files.size("w", record) == 0  # type: ignore[arg-type]
        assert await files.read("w", record, 0, 100) == b""  # type: ignore[arg-type]
    assert await files.console_tail("w") == b""
    if name == "result.json":
        with pytest.raises(DataLoss, match="can't be read"):
            await files.result("w")


async def test_results_are_read_whole_or_refused(files: NotedAttemptFiles, work: Path) -> None:
    assert await files.result("w") is None
    assert await files.result("unknown") is None
    (work / "result.json").write_bytes(b'{"state": "succeeded", "metrics": {"a": 1}}')
    found = await files.result("w")
    assert found is not None
    assert found.metrics == {"a": 1.0}
    for wrong in (b"", b'{"state": "won"}', b"x" * (MAX_RESULT + 1)):
        (work / "result.json").write_bytes(wrong)
        with pytest.raises(DataLoss, match="its result"):
            await files.result("w")


async def test_last_words_are_the_end_of_what_the_process_said(files: NotedAttemptFiles, work: Path) -> None:
    (work / "workload.log").write_bytes(b"x" * 100_000 + b"the end")
    words = await files.console_tail("w")
    note, _, kept = words.partition(b"\n")
    assert (len(kept), kept[-7:]) == (LAST_WORDS, b"the end")
    assert note == f"[the first {100_007 - LAST_WORDS} bytes are left out here]".encode()


async def test_output_becomes_a_tree(files: NotedAttemptFiles, work: Path, objects: MemoryObjectStore) -> None:
    assert await files.store("acme", "w", "output") is None
    (work / "output" / "empty").mkdir(parents=True)
    assert await files.store("acme", "w", "output") is None
    (work / "output" / "a" / "b").mkdir(parents=True)
    (work / "output" / "a" / "b" / "large").write_bytes(b"x" * (3 << 20))
    (work / "output" / "z").write_bytes(b"")
    stored = await files.store("acme", "w", "output")
    assert stored is not None
    tree = await get_tree(objects, "acme", stored.digest)
    assert tree == stored
    assert [(file.path, file.size) for file in tree.files] == [("a/b/large", 3 << 20), ("z", 0)]


@pytest.mark.parametrize(
    "trick", ["link", "hard link", "linked directory", "pipe", "top link", "depth", "name", "file"]
)
async def test_output_that_is_no_plain_tree_is_refused(
    files: NotedAttemptFiles, work: Path, trick: str, objects: MemoryObjectStore
) -> None:
    output = work / "output"
    secret = work.parent.parent / "secret"
    if trick not in ("top link", "file"):
        output.mkdir()
    match trick:
        case "link":
            (output / "x").symlink_to(secret)
        case "hard link":
            os.link(secret, output / "x")
        case "linked directory":
            (output / "x").symlink_to(secret.parent)
        case "pipe":
            os.mkfifo(output / "x")
        case "top link":
            output.symlink_to(secret.parent)
        case "depth":
            (output / "/".join(["d"] * 100)).mkdir(parents=True)
        case "name":
            (output / "a\nb").write_bytes(b"")
        case _:
            output.write_bytes(b"")
    with pytest.raises((InvalidArgument, OSError)):
        await files.store("acme", "w", "output")
    assert SECRET not in [
        b"".join([c async for c in objects.read("acme", b.digest)]) async for b in objects.blobs("acme")
    ]
