"""Data sets from a file to the report of their import: the SDK and the API, the request's job, and what it left."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bms.adapters.objects.memory import MemoryObjectStore
from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.datasets import SqlDatasets
from bms.adapters.sql.jobs import SqlJobs
from bms.adapters.sql.models import SqlModels
from bms.adapters.sql.store import SqlStore
from bms.app.tasks import import_dataset
from bms.control.datasets.deletion import DatasetDeletion
from bms.control.datasets.importing import INPUT, import_job
from bms.control.datasets.service import DatasetService
from bms.control.platform.trees import get_tree
from bms.control.training.dataset_use import DatasetUse
from bms.core.clock import ManualClock
from bms.core.errors import BmsError
from bms.sdk.datasets import DatasetVersion, Finding
from bms.web.api.resources import blobs, datasets
from tests.peers.callers import KINDS, Caller
from tests.peers.server import served
from tests.worlds.api import Api
from tests.worlds.import_job import FakeJob
from tests.worlds.jobs import put_files

TENANT = "default"
ALL_KINDS = '\ufeff"Land, Code";x;n\n' + "".join(f'{code};"{row},5";NA\n' for row, code in enumerate(("NA", "DE") * 10))


@pytest.fixture
def objects() -> MemoryObjectStore:
    return MemoryObjectStore()


@pytest.fixture
def service(sqlite: Database, clock: ManualClock, objects: MemoryObjectStore) -> DatasetService:
    return DatasetService(SqlStore(sqlite, SqlDatasets), objects, clock)


@pytest.fixture(params=KINDS)
async def admin(
    request: pytest.FixtureRequest,
    sqlite: Database,
    clock: ManualClock,
    service: DatasetService,
    objects: MemoryObjectStore,
) -> AsyncIterator[Caller]:
    use = DatasetUse(SqlStore(sqlite, SqlJobs), SqlStore(sqlite, SqlModels))
    deletion = DatasetDeletion(SqlStore(sqlite, SqlDatasets), clock, use)
    more = [*datasets.endpoints(service, deletion, objects), *blobs.endpoints(objects)]
    api = await Api(sqlite, clock, more).start()
    async with served(api.app) as url:
        caller = Caller(request.param, url, api.admin.key.text)
        yield caller
        await caller.close()


async def _imported(service: DatasetService, objects: MemoryObjectStore, made: DatasetVersion, folder: Path) -> None:
    """Does what the version's job does, on the files that were uploaded."""
    version = await service.version(TENANT, made.dataset, made.number)
    job = import_job(version)
    source, output = folder / "source", folder / "output"
    output.mkdir()
    for file in (await get_tree(objects, TENANT, job.inputs[INPUT])).files:
        (source / file.path).parent.mkdir(parents=True, exist_ok=True)
        (source / file.path).write_bytes(b"".join([chunk async for chunk in objects.read(TENANT, file.digest)]))
    report = import_dataset.main(FakeJob(output, dict(job.parameters), {INPUT: source}))
    left = {path.name: path.read_bytes() for path in output.iterdir()}
    await service.finish_import(TENANT, version.id, tree=await put_files(objects, TENANT, left), report=report)


async def test_a_file_becomes_a_data_set_with_a_report_that_names_every_doubt(
    admin: Caller, service: DatasetService, objects: MemoryObjectStore, tmp_path: Path
) -> None:
    (tmp_path / "lands.csv").write_text(ALL_KINDS)
    made = await admin.call(lambda c: c.datasets.import_files("lands", tmp_path / "lands.csv", label="Land, Code"))
    assert made.request.source.format == "csv", "its name tells it"
    await _imported(service, objects, made, tmp_path)
    version = await admin.call(lambda c: c.datasets.version("lands", 1))
    assert version.labels == ("DE", "NA")
    report = await admin.call(lambda c: c.datasets.report("lands", 1))
    assert [(column.name, column.kind, column.missing) for column in report.columns] == [
        ("Land, Code", "label", 0), ("x", "float", 0), ("n", "text", 20),
    ]  # fmt: skip
    assert report.rows == 20
    assert report.splits["train"] == {"DE": 7, "NA": 7}
    told = [(finding.kind, finding.feature, finding.message.split(":")[0]) for finding in report.findings]
    assert told == [
        ("understood", None, "the file begins with the byte order mark of utf-8"),
        ("understood", None, "columns are separated by ';'"),
        ("as_text", "Land, Code", "kept as text"),
        ("understood", "x", "commas are read as decimal points"),
        ("understood", "n", "line 2, column 3 says 'NA', and no cell says more"),
        ("missing", "n", "20 of 20 values are missing"),
    ]


async def test_what_is_said_of_a_file_reaches_its_import(
    admin: Caller, service: DatasetService, objects: MemoryObjectStore, tmp_path: Path
) -> None:
    (tmp_path / "ages.txt").write_bytes("name|age|x\nJosé|1|1,5\nAnn|?|-\nBob|3|2,25\n".encode("cp1252"))
    made = await admin.call(
        lambda c: c.datasets.import_files(
            "ages",
            tmp_path / "ages.txt",
            "csv",
            columns={"age": "number"},
            na=["?", "-", "none"],
            separator="|",
            decimal=",",
            encoding="cp1252",
            split={"train": 1.0},
        )
    )
    assert made.request.reading.columns == {"age": "number"}
    await _imported(service, objects, made, tmp_path)
    report = await admin.call(lambda c: c.datasets.report("ages", 1))
    assert [(column.name, column.kind, column.missing) for column in report.columns] == [
        ("name", "text", 0), ("age", "float", 1), ("x", "float", 1),
    ]  # fmt: skip
    assert Finding(kind="unfound", message="no cell says 'none', which `--na` names", count=0) in report.findings


async def test_what_can_not_be_said_is_refused_before_anything_is_sent(admin: Caller, tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"")
    (tmp_path / "a.csv").write_text("a\n1\n")
    for path, told, words in (
        ("a.csv", {"columns": {"a": "float"}}, "column 'a' can't be 'float': its type is one of number"),
        ("a.csv", {"encoding": "utf-9"}, "there is no encoding 'utf-9'"),
        ("a.npz", {"separator": ";"}, "'separator' is an option of CSV alone, and the source is npz"),
        ("missing.bin", {}, "no file or directory"),
    ):
        with pytest.raises(BmsError, match=words):
            await admin.call(lambda c, p=path, t=told: c.datasets.import_files("d", tmp_path / p, **t))
    assert await admin.items(lambda c: c.datasets.list()) == []
