"""Trees are safe to write anywhere, whoever made them."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from bms.adapters.objects.memory import MemoryObjectStore
from bms.control.platform import trees
from bms.control.platform.trees import (
    FileEntry,
    digests_of,
    get_tree,
    materialize_tree,
    missing,
    put_manifest,
    put_tree,
    tree_of,
)
from bms.core.digest import of_bytes
from bms.core.errors import BmsError, InvalidArgument, NotFound


def _entry(path: str, content: bytes = b"x", size: int | None = None) -> FileEntry:
    return FileEntry(path=path, digest=of_bytes(content), size=len(content) if size is None else size)


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    yield content


@pytest.fixture
def objects() -> MemoryObjectStore:
    return MemoryObjectStore()


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../up",
        "a/../../up",
        "a/..",
        "./a",
        "a//b",
        "a/",
        ".",
        "..",
        "a\\..\\b",
        "C:\\x",
        "nul\x00byte",
        "line\nend",
        "of bytes that are not UTF-8: \udcff",
        "x" * 256,
        "/".join(["ab"] * 400),
    ],
)
def test_paths_that_could_lead_out_are_refused(path: str) -> None:
    with pytest.raises(InvalidArgument, match="not allowed"):
        tree_of([_entry("fine"), _entry(path)])


@pytest.mark.parametrize(
    "paths",
    [
        ["a", "a"],
        ["a", "A"],
        ["straße", "STRASSE"],
        ["a", "a/b"],
        ["A/b", "a"],
        ["a/b/c/d", "a/b"],
        ["a", "a-b", "a.b", "a/b"],
    ],
)
def test_names_that_collide_are_refused(paths: list[str]) -> None:
    with pytest.raises(InvalidArgument):
        tree_of([_entry(path) for path in paths])


def test_names_that_only_resemble_are_allowed() -> None:
    paths = ["a-b", "a.b", "a0", "ab/c", "a/b", "...", "a/.hidden", "数字/模型.onnx"]
    tree = tree_of([_entry(path) for path in reversed(paths)])
    assert [file.path for file in tree.files] == sorted(paths)
    assert tree.size == len(paths)


@pytest.mark.parametrize("size", [-1, 2**50 + 1, 2**63, 2**200])
def test_sizes_no_disk_holds_are_refused(size: int) -> None:
    with pytest.raises(InvalidArgument, match="size"):
        tree_of([_entry("a", size=size)])


def test_sizes_are_refused_that_only_together_are_too_much() -> None:
    with pytest.raises(InvalidArgument, match="add up"):
        tree_of([_entry(f"f{index}", size=2**50) for index in range(9)])


@pytest.mark.parametrize("digest", ["", "sha256:", "sha256:../../x", "md5:" + "0" * 64, "sha256:" + "G" * 64])
def test_malformed_digests_are_refused(digest: str) -> None:
    with pytest.raises(InvalidArgument, match="digest"):
        tree_of([FileEntry(path="a", digest=digest, size=1)])


def test_too_few_and_too_many_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "MAX_FILES", 3)
    for count in (0, 4):
        with pytest.raises(InvalidArgument, match=f"has {count}"):
            tree_of([_entry(f"f{index}") for index in range(count)])


@pytest.mark.no_cover
def test_deep_paths_cost_no_more_than_flat_ones() -> None:
    def cost(paths: list[str]) -> float:
        entries = [_entry(path) for path in paths]
        began = time.process_time()
        tree_of(entries)
        return time.process_time() - began

    flat = min(cost([f"{'x' * 200}{index:06}" for index in range(2000)]) for _ in range(3))
    deep = min(cost(["a/" * 500 + f"{index:06}" for index in range(2000)]) for _ in range(3))
    assert deep < 60 * flat, "walking up from every file would cost hundreds of times as much"


async def test_a_tree_comes_back_and_is_written_out(objects: MemoryObjectStore, tmp_path: Path) -> None:
    tree = tree_of([_entry("b/c.txt", b"see"), _entry("a.bin", b"\0" * 10), _entry("b/d.txt", b"see")])
    absent = await missing(objects, "acme", tree)
    assert [file.path for file in absent] == ["a.bin", "b/c.txt"], "each content once"
    with pytest.raises(NotFound, match=r"a\.bin"):
        await put_tree(objects, "acme", tree)
    for content in (b"see", b"\0" * 10):
        await objects.put("acme", _chunks(content))
    digest = await put_tree(objects, "acme", tree)
    assert digest == tree.digest
    assert await get_tree(objects, "acme", digest) == tree
    assert await digests_of(objects, "acme", [digest]) == {digest, of_bytes(b"see"), of_bytes(b"\0" * 10)}
    await materialize_tree(objects, "acme", digest, tmp_path / "out")
    assert (tmp_path / "out/b/d.txt").read_bytes() == b"see"
    with pytest.raises(NotFound):
        await get_tree(objects, "other", digest)


async def test_a_wrong_size_is_refused_before_anything_is_stored(objects: MemoryObjectStore) -> None:
    await objects.put("acme", _chunks(b"see"))
    with pytest.raises(InvalidArgument, match="declared with 4 bytes, its content has 3"):
        await missing(objects, "acme", tree_of([_entry("a", b"see", size=4)]))
    with pytest.raises(InvalidArgument, match="with 7 bytes and with 8"):
        await missing(objects, "acme", tree_of([_entry("a", size=7), _entry("b", size=8)]))


HOSTILE = [
    b"",
    b"[]",
    b"null",
    b'{"files":[]}',
    b'{"files":[{"path":"../../etc/cron.d/x","digest":"sha256:' + b"0" * 64 + b'","size":1}]}',
    b'{"files":[{"path":"a","digest":"../../x","size":1}]}',
    b'{"files":[{"path":"a","digest":"sha256:' + b"0" * 64 + b'","size":1,"link":"/etc"}]}',
    b'{"files":[{"path":"\xff","digest":"sha256:' + b"0" * 64 + b'","size":1}]}',
    b'{ "files":[{"path":"a","digest":"sha256:' + b"0" * 64 + b'","size":1}]}',
    b'{"files":' + b"[" * 100_000,
]


@pytest.mark.parametrize("content", HOSTILE, ids=range(len(HOSTILE)))
async def test_a_blob_that_is_not_a_safe_tree_is_refused(objects: MemoryObjectStore, content: bytes) -> None:
    blob = await objects.put("acme", _chunks(content))
    with pytest.raises(InvalidArgument):
        await get_tree(objects, "acme", blob.digest)


async def test_a_huge_blob_is_not_read_as_a_tree(objects: MemoryObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = tree_of([_entry("a")])
    monkeypatch.setattr(trees, "MAX_TREE", len(tree.encode()))
    digest = await put_manifest(objects, "acme", tree)
    assert await get_tree(objects, "acme", digest) == tree
    larger = tree_of([_entry("aa")])
    with pytest.raises(InvalidArgument, match="at most"):
        await put_manifest(objects, "acme", larger)
    blob = await objects.put("acme", _chunks(larger.encode()))
    with pytest.raises(InvalidArgument, match="at most"):
        await get_tree(objects, "acme", blob.digest)


def test_the_digest_does_not_depend_on_the_order_files_are_given_in() -> None:
    entries = [_entry("b"), _entry("a"), _entry("c/d")]
    assert tree_of(entries).digest == tree_of(entries[::-1]).digest
    assert issubclass(InvalidArgument, BmsError)
    assert msgspec.json.decode(tree_of(entries).encode())["files"][0]["path"] == "a"
