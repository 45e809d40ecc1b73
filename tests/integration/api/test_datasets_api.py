"""Data sets through the API, and what the import's job reports back."""

import json

import pytest

from bms.adapters.objects.memory import MemoryObjectStore
from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.datasets import SqlDatasets
from bms.adapters.sql.events import SqlEventLog
from bms.adapters.sql.jobs import SqlJobs
from bms.adapters.sql.models import SqlModels
from bms.adapters.sql.store import SqlStore
from bms.control.datasets.deletion import DatasetDeletion
from bms.control.datasets.service import DatasetService
from bms.control.training.dataset_use import DatasetUse
from bms.core.clock import ManualClock
from bms.core.errors import FailedPrecondition, InvalidArgument, NotFound
from bms.web.api.resources import datasets
from tests.worlds.api import Api
from tests.worlds.jobs import put_files

DIGITS = {"source": {"sample": "digits"}}
REPORT: dict[str, object] = {
    "rows": 3,
    "splits": {"train": {"rows": 2, "files": ["train-00000-of-00001.tfrecord"]}, "test": {"rows": 1, "files": ["t"]}},
    "labels": ["0", "1"],
    "findings": [],
}
FILES = {
    "train-00000-of-00001.tfrecord": b"rows",
    "t": b"row",
    "dataset.json": b"{}",
    "statistics.json": json.dumps({"rows": 3}).encode(),
}


@pytest.fixture
def objects() -> MemoryObjectStore:
    return MemoryObjectStore()


@pytest.fixture
def service(sqlite: Database, clock: ManualClock, objects: MemoryObjectStore) -> DatasetService:
    return DatasetService(SqlStore(sqlite, SqlDatasets), objects, clock)


@pytest.fixture
async def api(sqlite: Database, clock: ManualClock, service: DatasetService, objects: MemoryObjectStore) -> Api:
    store = SqlStore(sqlite, SqlDatasets)
    use = DatasetUse(SqlStore(sqlite, SqlJobs), SqlStore(sqlite, SqlModels))
    return await Api(sqlite, clock, datasets.endpoints(service, DatasetDeletion(store, clock, use), objects)).start()


async def _import(api: Api, body: object = DIGITS, name: str = "digits") -> dict[str, object]:
    answer = await api.as_admin.post(f"/datasets/{name}/versions", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def _finish(service: DatasetService, objects: MemoryObjectStore, made: dict[str, object]) -> None:
    tree = await put_files(objects, "default", FILES)
    await service.finish_import("default", str(made["id"]), tree=tree, report=REPORT)


async def test_a_version_is_imported_and_read(
    api: Api, service: DatasetService, objects: MemoryObjectStore, sqlite: Database
) -> None:
    made = await _import(api, {**DIGITS, "seed": 3, "description": "handwritten"})
    assert (made["state"], made["number"], made["dataset"]) == ("importing", 1, "digits")
    early = await api.as_admin.get("/datasets/digits/versions/1/statistics")
    assert (early.status_code, "still importing" in early.json()["detail"]) == (412, True)
    await service.note_job("default", str(made["id"]), "job_1")
    await _finish(service, objects, made)

    admin = api.as_admin
    assert (await admin.get("/datasets")).json()["items"][0]["description"] == "handwritten"
    shown = (await admin.get("/datasets/digits/versions/1")).json()
    assert (shown["state"], shown["labels"], shown["job"]) == ("ready", ["0", "1"], "job_1")
    assert shown["splits"]["train"] == {"rows": 2, "files": ["train-00000-of-00001.tfrecord"]}
    assert shown["request"]["seed"] == 3
    assert shown["size"] == sum(len(content) for content in FILES.values())
    assert (await admin.get("/datasets/digits/versions/1/statistics")).json() == {"rows": 3}
    files = (await admin.get("/datasets/digits/versions/1/files")).json()["files"]
    assert [file["path"] for file in files] == sorted(FILES)
    assert (await admin.get("/datasets/digits/versions/1/files/t")).content == b"row"
    assert (await admin.get("/datasets/digits/versions/1/files/u")).status_code == 404
    names = [event.name for _, event in await SqlEventLog(sqlite).since(0) if event.name.startswith("dataset.")]
    assert names == ["dataset.created", "dataset.import_requested", "dataset.ready"]


async def test_references_resolve_to_ready_versions_alone(
    api: Api, service: DatasetService, objects: MemoryObjectStore
) -> None:
    with pytest.raises(NotFound):
        await service.resolve("default", "digits")
    first, second, third = [await _import(api) for _ in range(3)]
    with pytest.raises(FailedPrecondition, match="no ready version yet"):
        await service.resolve("default", "digits")
    await _finish(service, objects, second)
    await service.finish_import("default", str(third["id"]), tree=None, report={}, reason="the source has no rows")
    assert (await service.resolve("default", "digits")).number == 2
    assert (await service.resolve("default", "digits@2")).reference == "digits@2"
    with pytest.raises(FailedPrecondition, match="still importing"):
        await service.resolve("default", "digits@1")
    with pytest.raises(FailedPrecondition, match="the source has no rows"):
        await service.resolve("default", "digits@3")
    with pytest.raises(NotFound):
        await service.resolve("default", "digits@4")
    with pytest.raises(NotFound):
        await service.resolve("acme", "digits@2")
    with pytest.raises(InvalidArgument):
        await service.resolve("default", "digits@x")
    await _finish(service, objects, first)
    assert (await service.resolve("default", "digits")).number == 2, "the newest, not the last to be ready"


@pytest.mark.parametrize(
    ("report", "files", "words"),
    [
        ({}, FILES, "missing required field `splits`"),
        ({"splits": {"train": {"rows": "x", "files": []}}}, FILES, "Expected `int`"),
        ({"splits": {"train": {"rows": 1, "files": ["gone"]}}}, FILES, "no 'gone'"),
        ({"splits": {}}, {"x": b""}, "no 'statistics.json'"),
    ],
)
async def test_an_import_that_left_too_little_fails(
    api: Api,
    service: DatasetService,
    objects: MemoryObjectStore,
    report: dict[str, object],
    files: dict[str, bytes],
    words: str,
) -> None:
    made = await _import(api)
    tree = await put_files(objects, "default", files)
    done = await service.finish_import("default", str(made["id"]), tree=tree, report=report)
    assert (done.state, done.tree) == ("failed", None)
    assert words in done.reason
    again = await service.finish_import("default", done.id, tree=tree, report=REPORT)
    assert again == done, "told twice, the first word counts"


async def test_files_must_be_the_tenant_s_own(api: Api, objects: MemoryObjectStore) -> None:
    tree = await put_files(objects, "acme", {"a.csv": b"x,y\n1,2\n"})
    body = {"source": {"tree": tree, "format": "csv"}, "label": "y", "split": {"train": 1}}
    assert (await api.as_admin.post("/datasets/d/versions", json=body)).status_code == 404
    assert (await api.as_admin.get("/datasets/d")).status_code == 404, "nothing is half made"
    await put_files(objects, "default", {"a.csv": b"x,y\n1,2\n"})
    assert (await _import(api, body, "d"))["state"] == "importing"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "missing required field `source`"),
        ({"source": {}}, "exactly one"),
        ({"source": {"sample": "digits", "url": "http://x"}}, "unknown field"),
        ({"source": {"tree": "sha256:x", "format": "xlsx"}}, "Invalid enum value"),
        ({"source": {"tree": "../x", "format": "csv"}}, "not a digest"),
        ({**DIGITS, "split": {"train": 2}}, "add up to 1"),
        ({**DIGITS, "reading": {"decimal": ","}}, "'decimal' is an option of CSV alone, and the source is a sample"),
        ({**DIGITS, "reading": {"separator": "xx"}}, "the separator can't be 'xx'"),
        ({**DIGITS, "reading": {"thousands": "."}}, "unknown field `thousands`"),
        ({**DIGITS, "shard_rows": 0}, "shard_rows"),
        ({**DIGITS, "job": "mine"}, "unknown field"),
    ],
)
async def test_wrong_bodies_are_named(api: Api, body: dict[str, object], words: str) -> None:
    answer = await api.as_admin.post("/datasets/digits/versions", json=body)
    assert answer.status_code == 400
    assert words in answer.json()["detail"]
    assert (await api.as_admin.get("/datasets")).json()["items"] == []


async def test_wrong_names_and_numbers_are_refused(api: Api) -> None:
    assert (await api.as_admin.post("/datasets/No%20Name/versions", json=DIGITS)).status_code == 400
    assert (await api.as_admin.get("/datasets/digits/versions/x")).status_code == 400
    assert (await api.as_admin.get("/datasets/digits/versions")).status_code == 404
    assert (await api.as_admin.get("/datasets/digits/versions/1")).status_code == 404


async def test_another_tenant_and_a_viewer(api: Api, service: DatasetService, objects: MemoryObjectStore) -> None:
    await _finish(service, objects, await _import(api))
    made = (await api.as_admin.post("/tenants", json={"id": "acme"})).json()
    acme = api.client(made["key"]["text"])
    one = "/datasets/digits/versions/1"
    for path in ("/datasets/digits", "/datasets/digits/versions", one, one + "/statistics", one + "/files/t"):
        assert (await acme.get(path)).status_code == 404, path
    assert (await acme.get("/datasets")).json()["items"] == []
    assert (await acme.post("/datasets/digits/versions", json=DIGITS)).json()["number"] == 1
    await api.as_admin.post("/users", json={"name": "eye", "role": "viewer"})
    viewer = api.client(await api.key_of(api.as_admin, user="eye"))
    assert (await viewer.get(one)).status_code == 200
    assert (await viewer.post("/datasets/digits/versions", json=DIGITS)).status_code == 403


async def test_collection_spares_what_data_sets_hold(
    api: Api, service: DatasetService, objects: MemoryObjectStore
) -> None:
    source = await put_files(objects, "default", {"a.csv": b"x,y"})
    await _finish(service, objects, await _import(api, {"source": {"tree": source, "format": "csv"}}))
    spared = await service.references("default")
    assert source in spared
    assert len(spared) == 2 + 1 + len(FILES)
    assert await service.references("acme") == frozenset()


async def test_statistics_that_cannot_be_read_are_named(
    api: Api, service: DatasetService, objects: MemoryObjectStore
) -> None:
    made = await _import(api)
    tree = await put_files(objects, "default", {**FILES, "statistics.json": b"[1"})
    await service.finish_import("default", str(made["id"]), tree=tree, report=REPORT)
    answer = await api.as_admin.get("/datasets/digits/versions/1/statistics")
    assert (answer.status_code, answer.json()["code"]) == (500, "DATA_LOSS")


async def test_versions_are_paged_newest_first(api: Api) -> None:
    for _ in range(4):
        await _import(api)
    first = (await api.as_admin.get("/datasets/digits/versions", params={"limit": 3})).json()
    rest = (await api.as_admin.get("/datasets/digits/versions", params={"limit": 3, "cursor": first["next"]})).json()
    assert [made["number"] for made in first["items"] + rest["items"]] == [4, 3, 2, 1]
    assert rest["next"] is None
