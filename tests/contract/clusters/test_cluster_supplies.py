"""What a spec names by digest is there where it runs, and what a workload leaves comes back by digest."""

import asyncio

import pytest

from bms.adapters.objects.memory import MemoryObjectStore
from bms.control.platform.clusters import Cluster
from bms.control.platform.trees import get_tree
from bms.control.platform.workload_files import MAX_PIECE, MAX_RESULT, Extent, FilePiece
from bms.core.errors import DataLoss, FailedPrecondition, InvalidArgument, NotFound
from bms.core.workloads.endpoints import UnixEndpoint, parse_endpoint
from tests.contract.clusters.sights import MakeSpec, ended, ready, told
from tests.worlds.jobs import put_files


async def test_trees_are_directories_under_the_names_of_the_spec(
    cluster: Cluster, make_spec: MakeSpec, objects: MemoryObjectStore
) -> None:
    one = await put_files(objects, "t", {"a": b"first", "deep/b": b"second"})
    other = await put_files(objects, "t", {"c": b"third"})
    spec = make_spec(trees={"code": one, "inputs/data": other}, read_trees=True)
    await cluster.prepare(spec)
    await cluster.prepare(spec)
    assert await cluster.observe() == {}
    await cluster.start(spec)
    await ready(cluster, "wl_1")
    assert await told(cluster, "wl_1", "read") == ["code a first", "code deep/b second", "inputs/data c third"]


async def test_what_was_not_prepared_is_made_ready_by_the_start(
    cluster: Cluster, make_spec: MakeSpec, objects: MemoryObjectStore
) -> None:
    tree = await put_files(objects, "t", {"a": b"first"})
    spec = make_spec(trees={"artifact": tree})
    await cluster.start(spec)
    await ready(cluster, "wl_1")


async def test_another_tenants_tree_is_none(cluster: Cluster, make_spec: MakeSpec, objects: MemoryObjectStore) -> None:
    tree = await put_files(objects, "somebody", {"a": b"first"})
    with pytest.raises(NotFound, match=tree):
        await cluster.prepare(make_spec(trees={"artifact": tree}))
    with pytest.raises(NotFound, match=tree):
        await cluster.start(make_spec(trees={"artifact": tree}))
    assert await cluster.observe() == {}


async def test_an_environment_that_can_not_be_had_is_told_and_starts_nothing(
    cluster: Cluster, make_spec: MakeSpec
) -> None:
    lines: list[str] = []
    spec = make_spec(requirements=("broken",))
    with pytest.raises(FailedPrecondition, match="no such package: broken"):
        await cluster.prepare(spec, lines.append)
    assert lines == ["resolving"]
    with pytest.raises(FailedPrecondition, match="no such package: broken"):
        await cluster.start(spec)
    assert await cluster.observe() == {}


async def test_a_model_server_has_an_endpoint_and_a_job_has_none(cluster: Cluster, make_spec: MakeSpec) -> None:
    status = await cluster.start(make_spec(kind="model_server", listen=True))
    await cluster.start(make_spec(id="wl_2"))
    await ready(cluster, "wl_1")
    seen = await cluster.observe()
    assert seen["wl_1"].endpoint == status.endpoint
    assert seen["wl_2"].endpoint == ""
    endpoint = parse_endpoint(status.endpoint)
    if isinstance(endpoint, UnixEndpoint):
        _reader, writer = await asyncio.open_unix_connection(endpoint.path)
        writer.close()


async def test_records_are_read_by_places_while_it_runs_and_after(cluster: Cluster, make_spec: MakeSpec) -> None:
    assert await cluster.files.extent("wl_1", "log") is None
    assert await cluster.files.read("wl_1", "log", 0, 10) is None
    await cluster.start(make_spec(write={"job.log": "epoch 1\n", "events.jsonl": "{}\n"}))
    await ready(cluster, "wl_1")
    assert await cluster.files.extent("wl_1", "log") == Extent(0, 8)
    assert await cluster.files.read("wl_1", "log", 6, 100) == FilePiece(b"1\n", 6)
    assert await cluster.files.read("wl_1", "log", 8, 100) == FilePiece(b"", 8)
    assert await cluster.files.read("wl_1", "events", 0, 2) == FilePiece(b"{}", 0)
    await cluster.stop("wl_1")
    assert await cluster.files.read("wl_1", "log", 0, MAX_PIECE) == FilePiece(b"epoch 1\n", 0)


async def test_a_result_is_whole_or_refused(cluster: Cluster, make_spec: MakeSpec) -> None:
    assert await cluster.files.result("wl_1") is None
    await cluster.start(make_spec(write={"result.json": "{}"}, seconds=0))
    await cluster.start(make_spec(id="wl_2", write={"result.json": MAX_RESULT + 1}, seconds=0))
    await ended(cluster, "wl_1")
    await ended(cluster, "wl_2")
    assert await cluster.files.result("wl_1") == b"{}"
    with pytest.raises(DataLoss, match="its result has over"):
        await cluster.files.result("wl_2")


async def test_what_it_made_becomes_a_tree_of_the_tenant(
    cluster: Cluster, make_spec: MakeSpec, objects: MemoryObjectStore
) -> None:
    await cluster.start(make_spec(write={"output/model/weights": 3 << 20, "output/note": "done"}, seconds=0))
    await cluster.start(make_spec(id="wl_2", seconds=0))
    await ended(cluster, "wl_1")
    await ended(cluster, "wl_2")
    stored = await cluster.files.store("t", "wl_1", "output")
    assert stored is not None
    assert await get_tree(objects, "t", stored.digest) == stored
    assert [(file.path, file.size) for file in stored.files] == [("model/weights", 3 << 20), ("note", 4)]
    assert b"".join([piece async for piece in objects.read("t", stored.files[1].digest)]) == b"done"
    assert await cluster.files.store("t", "wl_1", "output") == stored
    assert await cluster.files.store("t", "wl_2", "output") is None
    assert await cluster.files.store("t", "wl_1", "checkpoint") is None


async def test_a_checkpoint_becomes_a_tree_of_the_tenant(
    cluster: Cluster, make_spec: MakeSpec, objects: MemoryObjectStore
) -> None:
    await cluster.start(make_spec(write={"checkpoint/epoch": "7"}, seconds=0))
    await ended(cluster, "wl_1")
    stored = await cluster.files.store("t", "wl_1", "checkpoint")
    assert stored is not None
    assert [file.path for file in stored.files] == ["epoch"]
    assert b"".join([piece async for piece in objects.read("t", stored.files[0].digest)]) == b"7"


@pytest.mark.parametrize("workload", ["../escape", "a/b", ".hidden"])
async def test_files_of_what_is_no_id_are_refused(cluster: Cluster, workload: str) -> None:
    with pytest.raises(InvalidArgument, match="workload id"):
        await cluster.files.read(workload, "console", 0, 10)
