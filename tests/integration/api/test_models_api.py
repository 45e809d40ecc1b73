"""Models, versions, uploads, aliases and files through the API."""

import asyncio
import base64
import hashlib
import io
import itertools
import json
import socket
import tarfile
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn

from bms.adapters.objects.local import LocalObjectStore
from bms.adapters.objects.unpacking import Unpacker
from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.events import SqlEventLog
from bms.adapters.sql.models import SqlModels
from bms.adapters.sql.store import SqlStore
from bms.control.models.aliases import AliasService
from bms.control.models.collection import Collector, VersionReferences
from bms.control.models.downloads import Downloads
from bms.control.models.nouns import GateResult, Lineage, NewVersion
from bms.control.models.releases import Releases
from bms.control.models.service import ModelService
from bms.control.models.uploads import Uploads
from bms.control.platform.trees import FileEntry, put_tree, tree_of
from bms.core.clock import ManualClock
from bms.core.digest import of_bytes
from bms.core.errors import FailedPrecondition, InvalidArgument, NotFound
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.workloads.programs import VerifyReport
from bms.web.api.resources import blobs, models
from tests.worlds.api import Api

ONNX = b"bytes of a model"
MAX_BLOB = 4 << 20
X = TensorSpec(name="x", dtype="FP32", shape=(None, 4))
FOUND = Signature(inputs=(X,), outputs=(X,))
REPORT = VerifyReport(signatures={"serving_default": FOUND}, memory=1, load_ns=2, infer_ns=3, format="onnx")


@dataclass
class House:
    """The API over real files and a real database, and what stands behind it."""

    api: Api
    objects: LocalObjectStore
    root: Path
    models: ModelService
    uploads: Uploads
    collector: Collector
    log: SqlEventLog
    used: dict[tuple[str, str, int | str], str]

    @property
    def admin(self) -> httpx.AsyncClient:
        return self.api.as_admin

    async def events(self) -> list[str]:
        return [event.name for _, event in await self.log.since(0)]

    async def model(self, name: str = "digits", **body: object) -> None:
        answer = await self.admin.post("/models", json={"name": name, **body})
        assert answer.status_code == 201, answer.text

    async def put(self, content: bytes, client: httpx.AsyncClient | None = None) -> httpx.Response:
        return await (client or self.admin).put(f"/blobs/{of_bytes(content)}", content=content)

    async def verifying(self, content: bytes = ONNX, **body: object) -> dict[str, object]:
        await self.put(content)
        started = await self.admin.post("/models/digits/versions", json={"files": [entry(content)], **body})
        assert started.status_code == 201, started.text
        version = started.json()["version"]
        done = await self.admin.post(f"/models/digits/versions/{version['number']}/complete")
        assert done.status_code == 200, done.text
        return dict(done.json())

    async def ready(self, content: bytes = ONNX, **body: object) -> int:
        version = await self.verifying(content, **body)
        accepted = await self.models.accept_version("default", str(version["id"]), REPORT)
        assert accepted.state == "ready"
        return accepted.number

    def blob_files(self) -> list[str]:
        return sorted(path.name for path in self.root.rglob("*") if path.is_file())


def entry(content: bytes, path: str = "model.onnx") -> dict[str, object]:
    return {"path": path, "digest": of_bytes(content), "size": len(content)}


@pytest.fixture
async def house(sqlite: Database, clock: ManualClock, tmp_path: Path) -> House:
    root = tmp_path / "objects"
    objects = LocalObjectStore.open(root, clock)
    store = SqlStore(sqlite, SqlModels)
    used: dict[tuple[str, str, int | str], str] = {}

    async def in_use(tenant: str, model: str, thing: int | str) -> str | None:
        return used.get((tenant, model, thing))

    service = ModelService(store, objects, clock)
    uploads = Uploads(store, objects, Unpacker.open(objects, tmp_path / "scratch"), clock, runtimes=("onnx", "sklearn"))
    releases, aliases = Releases(store, clock, in_use), AliasService(store, clock, in_use)
    rows = models.endpoints(service, uploads, releases, aliases, Downloads(store, objects), objects)
    api = await Api(sqlite, clock, [*rows, *blobs.endpoints(objects, MAX_BLOB)]).start()
    collector = Collector(objects, [VersionReferences(store, objects)])
    return House(api, objects, root, service, uploads, collector, SqlEventLog(sqlite), used)


async def foreign(house: House) -> httpx.AsyncClient:
    made = (await house.admin.post("/tenants", json={"id": "acme"})).json()
    return house.api.client(made["key"]["text"])


# ---- models


async def test_models_are_made_changed_found_and_deleted(house: House) -> None:
    gate = {"metric": "accuracy", "dataset": "digits", "minimum": 0.9}
    await house.model(description="Handwritten digits")
    await house.model("iris")
    assert (await house.admin.post("/models", json={"name": "digits"})).status_code == 409
    listed = (await house.admin.get("/models", params={"search": "HANDWRITTEN"})).json()
    assert [(model["name"], model["newest"]) for model in listed["items"]] == [("digits", None)]
    changed = await house.admin.patch("/models/digits", json={"gates": [gate]}, headers={"if-match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert changed.json()["gates"][0]["split"] == "validation"
    _, told = (await house.log.since(0))[-1]
    assert (told.name, told.details["gates"]) == ("model.changed", "accuracy:digits:validation>=0.9")
    huge = [{"metric": "rmse", "dataset": "digits", "maximum": 10**30}, {**gate, "minimum": -1e308}]
    assert (await house.admin.patch("/models/iris", json={"gates": huge})).status_code == 200
    listed = (await house.admin.get("/models")).json()["items"]
    assert [one["maximum"] for model in listed for one in model["gates"]] == [None, 1e30, None]
    same = await house.admin.patch("/models/digits", json={"gates": [gate]})
    assert (same.status_code, same.headers["etag"]) == (200, changed.headers["etag"]), "nothing is changed"
    stale = await house.admin.patch("/models/digits", json={"description": "x"}, headers={"if-match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (409, "ABORTED")
    assert (await house.admin.delete("/models/digits")).json()["deleted"] is True
    assert (await house.admin.get("/models/digits")).status_code == 404
    assert (await house.admin.delete("/models/digits")).status_code == 404


async def test_names_may_have_capitals_and_two_that_differ_by_case_alone_are_one(house: House) -> None:
    for name in ("MyModel", "simple_string"):
        await house.model(name)
        assert (await house.admin.get(f"/models/{name}")).json()["name"] == name
    twin = await house.admin.post("/models", json={"name": "mymodel"})
    said = "a model named 'MyModel' exists already, and 'mymodel' differs from it by case alone: choose another name"
    assert (twin.status_code, twin.json()["detail"]) == (409, said)
    assert (await house.admin.get("/models/mymodel")).status_code == 404
    assert (await house.admin.post("/models", json={"name": "_model"})).status_code == 400


async def test_a_reused_name_goes_on_counting(house: House) -> None:
    await house.model()
    assert [await house.ready(), await house.ready()] == [1, 2]
    await house.admin.delete("/models/digits")
    await house.model(description="again")
    assert (await house.admin.get("/models/digits/versions")).json()["items"] == []
    assert await house.ready() == 3


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"name": "digits", "colour": 1}, "unknown field"),
        ({"name": "../digits"}, "not valid"),
        ({"name": "d", "description": "a\u0000b"}, "control characters"),
        ({"name": "d", "gates": [{"metric": "accuracy", "dataset": "d@x", "minimum": 0}]}, "name@3"),
        ({"name": "d", "gates": [{"metric": "acuracy", "dataset": "d", "minimum": 0}]}, "did you mean 'accuracy'"),
        ({"name": "d", "gates": [{"metric": "rmse", "dataset": "d", "minimum": 1}]}, "'rmse:d:validation<=1'"),
        ({"name": "d", "gates": [{"metric": "rmse", "dataset": "d", "maximum": 10**400}]}, "out of range"),
        ({"name": "d", "id": "model_1"}, "unknown field"),
    ],
)
async def test_wrong_models_are_refused(house: House, body: dict[str, object], words: str) -> None:
    answer = await house.admin.post("/models", json=body)
    assert answer.status_code == 400
    assert words in answer.json()["detail"]
    assert (await house.admin.get("/models")).json()["items"] == []


async def test_strange_paths_and_queries_are_answered_not_crashed(house: House) -> None:
    await house.model()
    for path in ("/models/%00", "/models/..%2F..", "/models/digits/versions/0", "/models/digits/versions/-1",
                 "/models/digits/versions/99999999999999999999", "/models/digits/versions/" + "9" * 5000,
                 "/models/digits/versions/%D9%A1", "/models/digits/aliases/%00"):  # fmt: skip
        assert (await house.admin.get(path)).status_code in (400, 404), path
    for params in ({"search": "a\0"}, {"prefix": "\0"}, {"cursor": "AA"}, {"colour": "1"}):
        assert (await house.admin.get("/models", params=params)).status_code == 400, params
    for params in ({"cursor": "AA"}, {"cursor": "LTE"}, {"state": "sold"}, {"all": "perhaps"}):
        assert (await house.admin.get("/models/digits/versions", params=params)).status_code == 400, params
    headers = {"if-match": '"99999999999999999999"'}
    assert (await house.admin.patch("/models/digits", json={}, headers=headers)).status_code == 409


# ---- uploads


async def test_an_upload_becomes_a_ready_version(house: House) -> None:
    await house.model()
    body = {"files": [entry(ONNX), entry(b"w" * 9, "weights.bin")], "labels": ["a", "b"], "metadata": {"k": "v"}}
    started = await house.admin.post("/models/digits/versions", json=body)
    assert started.status_code == 201
    version = started.json()["version"]
    assert (version["state"], version["number"], version["runtime"]) == ("uploading", 1, "")
    assert set(started.json()["missing"]) == {of_bytes(ONNX), of_bytes(b"w" * 9)}
    assert (await house.admin.get("/models/digits/versions")).json()["items"] == [], "not visible yet"
    assert (await house.admin.get("/models/digits/versions", params={"all": "true"})).json()["items"] != []
    early = await house.admin.post("/models/digits/versions/1/complete")
    assert (early.status_code, early.json()["code"]) == (412, "FAILED_PRECONDITION")
    assert "2 files were not uploaded yet: 'model.onnx'" in early.json()["detail"]
    for content in (ONNX, b"w" * 9):
        assert (await house.put(content)).status_code == 201
    assert (await house.admin.post("/models/digits/versions/1/complete")).json()["state"] == "verifying"
    again = await house.admin.post("/models/digits/versions/1/complete")
    assert (again.status_code, again.json()["state"]) == (200, "verifying")
    await house.models.accept_version("default", version["id"], REPORT)
    ready = (await house.admin.get("/models/digits/versions/1")).json()
    assert (ready["state"], ready["size"], ready["measurement"]["infer_ns"]) == ("ready", len(ONNX) + 9, 3)
    events = await house.events()
    assert events[-4:] == ["model.created", "version.started", "version.uploaded", "version.ready"]


async def test_contents_that_are_there_need_not_be_sent_again(house: House) -> None:
    await house.model()
    await house.ready()
    started = await house.admin.post("/models/digits/versions", json={"files": [entry(ONNX, "other.onnx")]})
    assert started.json()["missing"] == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "exactly one"),
        ({"files": [entry(ONNX)], "archive": of_bytes(ONNX)}, "exactly one"),
        ({"files": [entry(ONNX, "../model.onnx")]}, "not allowed"),
        ({"files": [entry(ONNX, "/model.onnx")]}, "not allowed"),
        ({"files": [entry(ONNX), entry(ONNX, "MODEL.onnx")]}, "two files"),
        ({"files": [{"path": "m.onnx", "digest": "sha256:../../x", "size": 1}]}, "not a digest"),
        ({"files": [{"path": "m.onnx", "digest": of_bytes(b""), "size": 2**70}]}, "size"),
        ({"files": [entry(ONNX)], "runtime": "torch"}, "unknown runtime"),
        ({"files": [entry(ONNX)], "lineage": {"parent": 7}}, "parent 7 is not a version"),
        ({"files": [entry(ONNX)], "metadata": {"k": "x" * 300_000}}, "expected at most"),
        ({"files": [entry(ONNX)], "state": "ready"}, "unknown field"),
        ({"files": [entry(ONNX)], "gate_results": []}, "unknown field"),
        ({"files": [{**entry(ONNX), "mode": 511}]}, "unknown field"),
        ({"tree": "sha256:" + "0" * 64}, "no tree"),
        ({"archive": "sha256:" + "0" * 64}, "not there"),
    ],
)
async def test_wrong_versions_are_refused_and_take_no_number(house: House, body: dict[str, object], words: str) -> None:
    await house.model()
    answer = await house.admin.post("/models/digits/versions", json=body)
    assert answer.status_code in (400, 404), answer.text
    assert words in answer.json()["detail"]
    assert (await house.admin.get("/models/digits/versions", params={"all": "true"})).json()["items"] == []


@pytest.mark.parametrize("name", ["model.pkl", "m.PICKLE", "m.joblib"])
async def test_a_pickle_is_refused_at_once_by_its_name_unless_it_is_allowed(house: House, name: str) -> None:
    await house.model()
    files = [entry(ONNX, name), entry(b"numpy", "requirements.txt")]
    refused = await house.admin.post("/models/digits/versions", json={"files": files})
    assert (refused.status_code, f"'{name}' is named as a pickle" in refused.json()["detail"]) == (412, True)
    assert "`--allow-pickle`" in refused.json()["detail"]
    allowed = await house.admin.post("/models/digits/versions", json={"files": files, "allow_pickle": True})
    assert (allowed.status_code, allowed.json()["version"]["number"]) == (201, 1), "the refused one took no number"
    beside = [entry(ONNX, "model.onnx"), entry(b"p", "words.pkl")]
    assert (await house.admin.post("/models/digits/versions", json={"files": beside})).status_code == 201


async def test_an_upload_that_is_given_up_leaves_its_number(house: House) -> None:
    await house.model()
    for _ in range(2):
        started = await house.admin.post("/models/digits/versions", json={"files": [entry(ONNX)]})
        assert started.json()["version"]["number"] == 1
        gone = await house.admin.delete("/models/digits/versions/1", headers={"if-match": '"1"'})
        assert gone.status_code in (200, 204), gone.text
        assert (await house.admin.get("/models/digits/versions/1")).status_code == 404
    assert (await house.events()).count("version.deleted") == 2


async def test_a_declared_size_that_is_wrong_is_found_out(house: House) -> None:
    await house.model()
    lie = {**entry(ONNX), "size": 3}
    assert (await house.admin.post("/models/digits/versions", json={"files": [lie]})).status_code == 201
    await house.put(ONNX)
    answer = await house.admin.post("/models/digits/versions/1/complete")
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_ARGUMENT")
    assert (await house.admin.get("/models/digits/versions/1")).json()["state"] == "uploading"
    assert (await house.admin.get("/models")).json()["items"][0]["newest"] is None, "nobody else sees it yet"


async def test_two_that_complete_at_once_are_one_effect(house: House) -> None:
    await house.model()
    await house.put(ONNX)
    await house.admin.post("/models/digits/versions", json={"files": [entry(ONNX)]})
    done = await asyncio.gather(*(house.admin.post("/models/digits/versions/1/complete") for _ in range(6)))
    assert {(answer.status_code, answer.json()["state"]) for answer in done} == {(200, "verifying")}
    assert (await house.events()).count("version.uploaded") == 1


async def test_versions_started_at_once_are_numbered_without_gaps(house: House) -> None:
    await house.model()
    bodies = [{"files": [entry(ONNX)], "runtime": "tarot" if index % 4 == 3 else ""} for index in range(16)]
    done = await asyncio.gather(*(house.admin.post("/models/digits/versions", json=body) for body in bodies))
    numbers = [answer.json()["version"]["number"] for answer in done if answer.status_code == 201]
    assert sorted(numbers) == list(range(1, 13))


async def test_a_large_manifest_is_taken_and_one_too_large_refused(house: House) -> None:
    await house.model()
    files = [entry(ONNX, f"part/{index:05}.onnx") for index in range(20_000)]
    started = await house.admin.post("/models/digits/versions", json={"files": files})
    assert (started.status_code, started.json()["missing"]) == (201, [of_bytes(ONNX)])
    await house.put(ONNX)
    assert (await house.admin.post("/models/digits/versions/1/complete")).status_code == 200
    assert len((await house.admin.get("/models/digits/versions/1/files")).json()["files"]) == 20_000
    body = json.dumps({"files": [entry(ONNX, "x" * 200 + f"{index}.onnx") for index in range(30_000)]})
    refused = await house.admin.post("/models/digits/versions", content=body)
    assert (refused.status_code, refused.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_abandoned_uploads_are_given_up_after_a_day(house: House, clock: ManualClock) -> None:
    await house.model()
    await house.admin.post("/models/digits/versions", json={"files": [entry(ONNX)]})
    assert await house.uploads.expire("default") == []
    clock.advance(24 * 3600 + 1)
    assert [version.number for version in await house.uploads.expire("default")] == [1]
    assert await house.uploads.expire("default") == []
    late = await house.admin.post("/models/digits/versions/1/complete")
    assert (late.status_code, "start a new upload" in late.json()["detail"]) == (412, True)


# ---- blobs


async def test_a_blob_is_put_once_and_asked_for(house: House) -> None:
    path = f"/blobs/{of_bytes(ONNX)}"
    assert (await house.admin.head(path)).status_code == 404
    first, second = await house.put(ONNX), await house.put(ONNX)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json() == {"digest": of_bytes(ONNX), "size": len(ONNX)}
    head = await house.admin.head(path)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(ONNX)))


async def test_a_wrong_content_is_refused_and_nothing_kept(house: House) -> None:
    answer = await house.admin.put(f"/blobs/{of_bytes(ONNX)}", content=b"something else")
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_ARGUMENT")
    assert house.blob_files() == []
    await house.put(ONNX)
    assert (await house.admin.put(f"/blobs/{of_bytes(ONNX)}", content=b"overwrite")).status_code == 400
    assert (await house.admin.head(f"/blobs/{of_bytes(ONNX)}")).headers["content-length"] == str(len(ONNX))
    for digest in ("sha256:..%2F..%2Fx", "md5:00", "sha256:" + "A" * 64):
        assert (await house.admin.put(f"/blobs/{digest}", content=b"")).status_code in (400, 404)


async def test_a_blob_over_the_limit_is_refused_declared_or_not(house: House) -> None:
    large = b"\0" * (MAX_BLOB + 1)

    async def undeclared() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 1 << 16):
            yield large[start : start + (1 << 16)]

    for content in (large, undeclared()):
        answer = await house.admin.put(f"/blobs/{of_bytes(large)}", content=content)
        assert (answer.status_code, answer.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert house.blob_files() == []
    assert (await house.put(large[:-1])).status_code == 201


WHOLE, SENT = b"y" * (4 << 20), 3 << 20


async def test_an_upload_cut_in_the_middle_leaves_nothing(house: House) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(house.api.app, log_level="error", lifespan="off"))
    serving = asyncio.create_task(server.serve([listener]))
    _, writer = await asyncio.open_connection(*listener.getsockname())
    try:
        head = (
            f"PUT /api/v1/blobs/{of_bytes(WHOLE)} HTTP/1.1\r\nhost: api\r\n"
            f"authorization: Bearer {house.api.admin.key.text}\r\ncontent-length: {len(WHOLE)}\r\n\r\n"
        )
        writer.write(head.encode() + WHOLE[:SENT])
        await writer.drain()
        async with asyncio.timeout(20):
            while not [name for name in house.blob_files() if name.endswith(".part")]:
                await asyncio.sleep(0.01)
            assert (await house.admin.head(f"/blobs/{of_bytes(WHOLE)}")).status_code == 404
            writer.transport.abort()
            while house.blob_files():
                await asyncio.sleep(0.01)
        assert (await house.admin.head(f"/blobs/{of_bytes(WHOLE[:SENT])}")).status_code == 404
    finally:
        writer.transport.abort()
        server.should_exit = True
        await serving


async def test_whoever_may_bring_models_data_or_code_may_put_blobs(house: House) -> None:
    for scope, status in (("models:write", 201), ("datasets:write", 200), ("jobs:write", 200), ("models:read", 403)):
        client = house.api.client(await house.api.key_of(house.admin, scopes=[scope]))
        assert (await house.put(ONNX, client)).status_code == status, scope


# ---- archives and trees


def _zip(names: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in names.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _tar(names: dict[str, bytes], link: str = "") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in names.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        if link:
            info = tarfile.TarInfo("link")
            info.type, info.linkname = tarfile.SYMTYPE, link
            archive.addfile(info)
    return buffer.getvalue()


@pytest.mark.parametrize("pack", [_zip, _tar])
async def test_an_archive_becomes_a_version(house: House, pack: object, tmp_path: Path) -> None:
    await house.model()
    archive = pack({"model.onnx": ONNX, "sub/notes.txt": b"hello"})  # type: ignore[operator]
    await house.put(archive)
    made = await house.admin.post("/models/digits/versions", json={"archive": of_bytes(archive), "labels": ["a"]})
    assert made.status_code == 201, made.text
    assert (made.json()["version"]["state"], made.json()["missing"]) == ("verifying", [])
    files = (await house.admin.get("/models/digits/versions/1/files")).json()["files"]
    assert [file["path"] for file in files] == ["model.onnx", "sub/notes.txt"]
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize(
    "archive",
    [
        _zip({"model.onnx": ONNX, "../../evil": b"x"}),
        _zip({"model.onnx": ONNX, "/etc/cron.d/evil": b"x"}),
        _tar({"model.onnx": ONNX, "../evil": b"x"}),
        _tar({"model.onnx": ONNX}, link="/etc/passwd"),
        b"not an archive",
        _zip({"model.onnx": ONNX})[:-30],
    ],
    ids=["zip slip", "zip absolute", "tar slip", "tar link", "no archive", "cut"],
)
async def test_a_hostile_archive_is_refused_and_leaves_nothing(house: House, archive: bytes, tmp_path: Path) -> None:
    await house.model()
    await house.put(archive)
    answer = await house.admin.post("/models/digits/versions", json={"archive": of_bytes(archive)})
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_ARGUMENT")
    assert (await house.admin.get("/models/digits/versions", params={"all": "true"})).json()["items"] == []
    assert list((tmp_path / "scratch").iterdir()) == []
    assert list(tmp_path.rglob("*evil*")) == []


async def test_a_hostile_tree_is_refused(house: House) -> None:
    await house.model()
    tree = json.dumps({"files": [entry(ONNX, "../../evil.onnx")]}, separators=(",", ":")).encode()
    await house.put(ONNX)
    await house.put(tree)
    answer = await house.admin.post("/models/digits/versions", json={"tree": of_bytes(tree)})
    assert (answer.status_code, "not allowed" in answer.json()["detail"]) == (400, True)


async def test_a_stored_tree_becomes_a_version_once_its_contents_are_there(house: House) -> None:
    await house.model()
    tree = tree_of([FileEntry(path="model.onnx", digest=of_bytes(ONNX), size=len(ONNX))])
    await house.put(tree.encode())
    early = await house.admin.post("/models/digits/versions", json={"tree": tree.digest})
    assert (early.status_code, early.json()["code"]) == (412, "FAILED_PRECONDITION")
    await house.put(ONNX)
    made = await house.admin.post("/models/digits/versions", json={"tree": tree.digest})
    assert (made.status_code, made.json()["version"]["artifact"]) == (201, tree.digest)


# ---- registering, verification, gates


async def test_a_jobs_output_is_registered_once(house: House) -> None:
    await house.put(ONNX)
    tree = tree_of([FileEntry(path="model.onnx", digest=of_bytes(ONNX), size=len(ONNX))])
    digest = await put_tree(house.objects, "default", tree)
    new = NewVersion(metrics={"accuracy": 0.97}, lineage=Lineage(job="job_1", datasets=("digits@1",)))
    with pytest.raises(NotFound, match="no model"):
        await house.models.register("default", "digits", digest, new, "user_1")
    made = await house.models.register("default", "digits", digest, new, "user_1", create=True)
    again = await house.models.register("default", "digits", digest, new, "user_1", create=True)
    assert again == made
    assert (made.number, made.state, made.lineage.job) == (1, "verifying", "job_1")
    assert await house.models.version_of_job("default", "digits", "job_1") == made
    assert (await house.events()).count("version.uploaded") == 1
    with pytest.raises(NotFound):
        await house.models.register("acme", "digits", digest, new, "user_1", create=True)


async def test_a_claimed_job_does_not_stand_in_the_way_of_the_real_one(house: House) -> None:
    await house.model()
    await house.verifying(lineage={"job": "job_1"})
    assert await house.models.version_of_job("default", "digits", "job_1") is None


async def test_verification_settles_a_version_once(house: House) -> None:
    await house.model()
    version = await house.verifying()
    id = str(version["id"])
    settled = await house.models.reject_version("default", id, "it crashed: \x00SIGSEGV")
    assert (settled.state, settled.reason) == ("rejected", "it crashed: \N{REPLACEMENT CHARACTER}SIGSEGV")
    for late in (house.models.accept_version("default", id, REPORT), house.models.reject_version("default", id, "x")):
        with pytest.raises(FailedPrecondition, match="not being verified"):
            await late
    assert (await house.events())[-1] == "version.rejected"
    for foreign_id in ((id, "acme"), ("version_none", "default")):
        with pytest.raises(NotFound):
            await house.models.version_by_id(foreign_id[1], foreign_id[0])


async def test_a_version_whose_bytes_vanished_never_becomes_ready(house: House, clock: ManualClock) -> None:
    await house.model()
    version = await house.verifying()
    clock.advance(7200)
    await house.objects.sweep("default", frozenset({str(version["artifact"])}), 3600)
    settled = await house.models.accept_version("default", str(version["id"]), REPORT)
    assert (settled.state, "'model.onnx' is gone" in settled.reason) == ("rejected", True)


async def _measure(house: House, number: int, value: float, clock: ManualClock) -> None:
    version = await house.models.version("default", "digits", number)
    result = GateResult(
        metric="accuracy", gate="digits", dataset="digits@1", split="validation", minimum=0.9, value=value,
        passed=value >= 0.9, job="job_1", at=clock.now(),
    )  # fmt: skip
    before = len(await house.events())
    await house.models.record_gate_result("default", version.id, result)
    await house.models.record_gate_result("default", version.id, result)
    assert (await house.events())[before:] == ["gate.measured"], "a repeated result is one effect"


async def test_gates_guard_aliases(house: House, clock: ManualClock) -> None:
    await house.model(gates=[{"metric": "accuracy", "dataset": "digits", "minimum": 0.9}])
    await house.ready()
    alias = "/models/digits/aliases/production"
    refused = await house.admin.put(alias, json={"version": 1})
    assert (refused.status_code, refused.json()["code"]) == (412, "FAILED_PRECONDITION")
    assert (
        "accuracy on digits (validation) is being measured, at least 0.9 is asked. Wait for it"
        in refused.json()["detail"]
    )
    await _measure(house, 1, 0.5, clock)
    assert "is 0.5" in (await house.admin.put(alias, json={"version": 1})).json()["detail"]
    await house.admin.post("/users", json={"name": "dev", "role": "developer"})
    developer = house.api.client(await house.api.key_of(house.admin, user="dev"))
    assert (await developer.put(alias, json={"version": 1, "force": True})).status_code == 403
    assert (await house.admin.put(alias, json={"version": 1, "force": True})).status_code == 200
    clock.advance(1)
    await house.ready(b"second")
    await _measure(house, 2, 0.95, clock)
    assert (await developer.put(alias, json={"version": 2})).json()["previous"] == 1
    answer = await developer.get("/models/digits/versions/1/gates")
    (standing,) = answer.json()["items"]
    assert (standing["state"], standing["result"]["value"], standing["minimum"]) == ("failed", 0.5, 0.9)
    assert standing["why"] == "accuracy on digits (validation) is 0.5, at least 0.9 is asked"
    assert (await developer.get("/models/digits/versions/9/gates")).status_code == 404
    assert (await (await foreign(house)).get("/models/digits/versions/1/gates")).status_code == 404
    with pytest.raises(InvalidArgument, match="finite"):
        await _measure(house, 2, float("nan"), clock)


# ---- aliases


async def test_an_alias_moves_and_moves_back(house: House) -> None:
    await house.model()
    await house.ready()
    await house.ready(b"second")
    alias = "/models/digits/aliases/production"
    assert (await house.admin.get(alias)).status_code == 404
    first = await house.admin.put(alias, json={"version": 1})
    assert (first.status_code, first.json()["previous"]) == (200, None)
    moved = await house.admin.put(alias, json={"version": 2}, headers={"if-match": '"1"'})
    assert (moved.json()["version"], moved.json()["previous"]) == (2, 1)
    assert (await house.admin.put(alias, json={"version": 1}, headers={"if-match": '"1"'})).status_code == 409
    assert (await house.models.resolve("default", "digits", "production")).number == 2
    back = await house.admin.put(alias, json={"version": moved.json()["previous"]})
    assert (back.json()["version"], back.json()["previous"]) == (1, 2)
    count = len(await house.events())
    assert (await house.admin.put(alias, json={"version": 1})).json() == back.json()
    assert len(await house.events()) == count, "nothing moved, nothing is told"
    _, event = (await house.log.since(0))[-1]
    assert (event.name, event.subject) == ("alias.moved", "digits")
    assert {"alias": "production", "version": 1, "previous": 2}.items() <= event.details.items()
    assert [item["name"] for item in (await house.admin.get("/models/digits/aliases")).json()["items"]] == [
        "production"
    ]
    assert (await house.admin.delete(alias)).status_code == 204
    assert (await house.admin.delete(alias)).status_code == 404
    assert (await house.models.resolve("default", "digits", 1)).number == 1
    with pytest.raises(NotFound, match="no alias"):
        await house.models.resolve("default", "digits", "production")


async def test_only_a_ready_version_gets_an_alias(house: House) -> None:
    await house.model()
    await house.verifying()
    alias = "/models/digits/aliases/production"
    for body in ({"version": 1}, {"version": 1, "force": True}):
        answer = await house.admin.put(alias, json=body)
        assert (answer.status_code, "verifying" in answer.json()["detail"]) == (412, True)
    for number in (0, 7, 2**40, -1):
        assert (await house.admin.put(alias, json={"version": number})).status_code == 404
    assert (await house.admin.put("/models/digits/aliases/3", json={"version": 1})).status_code == 400
    assert (await house.admin.put(alias, json={"version": 1, "previous": 9})).status_code == 400
    with pytest.raises(FailedPrecondition, match="verifying"):
        await house.models.resolve("default", "digits", 1)


async def test_moves_at_once_leave_one_true_history(house: House) -> None:
    await house.model()
    for content in (b"1", b"2", b"3"):
        await house.ready(content)
    alias = "/models/digits/aliases/production"
    bodies = [{"version": 1 + index % 3} for index in range(12)]
    done = await asyncio.gather(*(house.admin.put(alias, json=body) for body in bodies))
    assert {answer.status_code for answer in done} == {200}
    moves = [event.details for _, event in await house.log.since(0) if event.name == "alias.moved"]
    for before, after in itertools.pairwise(moves):
        assert after["previous"] == before["version"]


# ---- withdrawal


async def test_a_version_goes_offline_comes_back_and_is_deleted(house: House) -> None:
    await house.model()
    number = await house.ready()
    one = f"/models/digits/versions/{number}"
    assert (await house.admin.post(one + "/offline")).json()["state"] == "offline"
    assert (await house.admin.post(one + "/offline")).status_code == 200, "asked twice, done once"
    assert (await house.admin.post(one + "/publish", headers={"if-match": '"1"'})).status_code == 409
    assert (await house.admin.post(one + "/publish")).json()["state"] == "ready"
    assert (await house.admin.delete(one)).json()["state"] == "deleted"
    assert (await house.admin.post(one + "/publish")).status_code == 412
    assert (await house.admin.get(one)).json()["state"] == "deleted"
    assert (await house.admin.get(one + "/files")).status_code == 412
    assert (await house.admin.get("/models/digits/versions")).json()["items"] == []
    assert (await house.events())[-3:] == ["version.offline", "version.published", "version.deleted"]


async def test_nobody_publishes_what_was_not_verified(house: House) -> None:
    await house.model()
    await house.verifying()
    answer = await house.admin.post("/models/digits/versions/1/publish")
    assert (answer.status_code, "only an offline version" in answer.json()["detail"]) == (412, True)
    assert (await house.admin.delete("/models/digits/versions/1")).status_code == 412
    assert (await house.admin.post("/models/digits/versions/1/offline")).status_code == 412
    assert (await house.admin.get("/models/digits/versions/1")).json()["state"] == "verifying"


async def test_what_is_used_or_named_is_not_withdrawn(house: House) -> None:
    await house.model()
    await house.ready()
    one, alias = "/models/digits/versions/1", "/models/digits/aliases/production"
    house.used[("default", "digits", 1)] = "deployment 'shop'"
    for answer in (
        await house.admin.delete(one),
        await house.admin.post(one + "/offline"),
        await house.admin.delete("/models/digits"),
    ):
        assert answer.status_code == 412
        assert "deployment 'shop'" in answer.json()["detail"]
    house.used.clear()
    await house.admin.put(alias, json={"version": 1})
    assert "'production'" in (await house.admin.delete(one)).json()["detail"]
    house.used[("default", "digits", "production")] = "deployment 'shop'"
    assert (await house.admin.delete(alias)).status_code == 412
    house.used.clear()
    assert (await house.admin.delete(alias)).status_code == 204
    assert (await house.admin.delete(one)).status_code == 200


async def test_a_model_is_not_deleted_while_a_version_is_verified(house: House) -> None:
    await house.model()
    await house.verifying()
    assert (await house.admin.delete("/models/digits")).status_code == 412
    assert (await house.admin.get("/models/digits/versions/1")).json()["state"] == "verifying"


async def test_an_unfinished_upload_is_given_up_by_deleting_it(house: House) -> None:
    await house.model()
    await house.admin.post("/models/digits/versions", json={"files": [entry(ONNX)]})
    assert (await house.admin.delete("/models/digits/versions/1")).json()["state"] == "deleted"
    await house.put(ONNX)
    assert (await house.admin.post("/models/digits/versions/1/complete")).status_code == 404


# ---- files, collection, tenants


async def test_files_are_read_back_with_their_digest(house: House) -> None:
    await house.model()
    await house.ready()
    files = "/models/digits/versions/1/files"
    assert (await house.admin.get(files)).json()["files"] == [entry(ONNX)]
    answer = await house.admin.get(files + "/model.onnx")
    assert answer.content == ONNX
    assert answer.headers["etag"] == f'"{of_bytes(ONNX)}"'
    expected = base64.b64encode(hashlib.sha256(ONNX).digest()).decode()
    assert answer.headers["repr-digest"] == f"sha-256=:{expected}:"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith("attachment")
    for path in ("none", "..%2F..%2Fetc%2Fpasswd", "%2Fetc%2Fpasswd", "model.onnx/"):
        assert (await house.admin.get(f"{files}/{path}")).status_code == 404, path


async def test_collection_takes_what_nothing_names_and_nothing_else(house: House, clock: ManualClock) -> None:
    await house.model()
    await house.ready(b"kept")
    await house.ready(b"gone")
    await house.put(b"orphan")
    await house.put(b"uploading")
    files = [entry(b"uploading"), entry(b"still missing", "b.onnx")]
    await house.admin.post("/models/digits/versions", json={"files": files})
    await house.admin.delete("/models/digits/versions/2")
    assert await house.collector.collect("default") == [], "young blobs are spared"
    clock.advance(3601)
    await house.put(b"fresh orphan")
    removed = {blob.digest for blob in await house.collector.collect("default")}
    gone = tree_of([FileEntry(path="model.onnx", digest=of_bytes(b"gone"), size=4)])
    assert removed == {of_bytes(b"gone"), of_bytes(b"orphan"), gone.digest}
    assert (await house.admin.get("/models/digits/versions/1/files/model.onnx")).content == b"kept"
    await house.put(b"still missing")
    assert (await house.admin.post("/models/digits/versions/3/complete")).status_code == 200


async def test_collection_sweeps_nothing_when_a_feature_cannot_say_what_it_needs(
    house: House, clock: ManualClock
) -> None:
    await house.put(b"orphan")
    clock.advance(7200)

    async def broken(_tenant: str) -> frozenset[str]:
        raise NotFound("a tree is missing")

    with pytest.raises(NotFound):
        await Collector(house.objects, [broken]).collect("default")
    assert (await house.admin.head(f"/blobs/{of_bytes(b'orphan')}")).status_code == 200
    eager = Collector(house.objects, [], spared_s=0)
    await house.put(b"young")
    assert [blob.digest for blob in await eager.collect("default")] == [of_bytes(b"orphan")]


async def test_another_tenant_sees_uses_and_changes_nothing(house: House) -> None:
    await house.model()
    await house.ready()
    await house.admin.put("/models/digits/aliases/production", json={"version": 1})
    artifact = (await house.admin.get("/models/digits/versions/1")).json()["artifact"]
    acme = await foreign(house)
    for method, path in (
        ("GET", "/models/digits"),
        ("DELETE", "/models/digits"),
        ("GET", "/models/digits/versions"),
        ("GET", "/models/digits/versions/1"),
        ("GET", "/models/digits/versions/1/files/model.onnx"),
        ("POST", "/models/digits/versions/1/offline"),
        ("DELETE", "/models/digits/versions/1"),
        ("GET", "/models/digits/aliases/production"),
        ("DELETE", "/models/digits/aliases/production"),
        ("HEAD", f"/blobs/{of_bytes(ONNX)}"),
    ):
        assert (await acme.request(method, path)).status_code == 404, (method, path)
    assert (await acme.get("/models")).json()["items"] == []
    assert (await acme.post("/models", json={"name": "digits"})).status_code == 201
    started = await acme.post("/models/digits/versions", json={"files": [entry(ONNX)]})
    assert started.json()["missing"] == [of_bytes(ONNX)], "a foreign content counts as absent"
    assert (await acme.post("/models/digits/versions/1/complete")).status_code == 412
    assert (await acme.post("/models/digits/versions", json={"tree": artifact})).json()["code"] in (
        "NOT_FOUND",
        "FAILED_PRECONDITION",
    ), "knowing a digest is not having its content"
    assert (await house.put(ONNX, acme)).status_code == 201
    assert (await acme.post("/models/digits/versions/1/complete")).status_code == 200


async def test_roles_and_scopes_are_kept(house: House) -> None:
    await house.model()
    await house.ready()
    viewer = house.api.client(await house.api.key_of(house.admin, scopes=["models:read"]))
    assert (await viewer.get("/models/digits/versions/1/files/model.onnx")).status_code == 200
    for method, path in (
        ("POST", "/models"),
        ("PATCH", "/models/digits"),
        ("DELETE", "/models/digits"),
        ("POST", "/models/digits/versions"),
        ("POST", "/models/digits/versions/1/complete"),
        ("POST", "/models/digits/versions/1/offline"),
        ("POST", "/models/digits/versions/1/publish"),
        ("DELETE", "/models/digits/versions/1"),
        ("PUT", "/models/digits/aliases/a"),
        ("DELETE", "/models/digits/aliases/a"),
        ("PUT", f"/blobs/{of_bytes(b'')}"),
    ):
        assert (await viewer.request(method, path)).status_code == 403, (method, path)
        assert (await house.api.client(None).request(method, path)).status_code == 401, (method, path)
