"""What is kept is counted by its bytes from when it is there until it is deleted."""

import pytest

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.datasets import SqlDatasets
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.usage import SqlUsage
from bms.control.billing.nouns import UsageFilter
from bms.control.billing.service import UsageService
from bms.control.datasets.deletion import DatasetDeletion
from bms.control.models.nouns import Lineage, NewVersion
from bms.control.models.releases import Releases
from bms.control.models.uploads import Uploads
from bms.control.platform.trees import FileEntry
from bms.core.clock import ManualClock
from bms.core.digest import of_bytes
from tests.worlds.features import ANN, IMPORTED, Played
from tests.worlds.jobs import once, put_files

SIZE = 1000


@pytest.fixture
async def played(sqlite: Database, clock: ManualClock) -> Played:
    return await Played(sqlite, clock).start()


@pytest.fixture
def usage(played: Played) -> UsageService:
    return UsageService(SqlStore(played.database, SqlUsage), played.clock)


async def used(usage: UsageService, **wanted: object) -> int:
    (row,) = await usage.sums("acme", UsageFilter(**wanted))  # type: ignore[arg-type]
    assert row.quantities.keys() <= {"storage_byte_s"}
    return row.quantities.get("storage_byte_s", 0)


async def test_equal_versions_count_their_bytes_each_until_each_is_deleted(played: Played, usage: UsageService) -> None:
    tree = await put_files(played.objects, "acme", {"model.onnx": b"x" * SIZE})
    for job in ("job_1", "job_2", "job_2"):  # told twice, registered once
        new = NewVersion(runtime="onnx", lineage=Lineage(job=job))
        await played.models.register("acme", "m", tree, new, "ann", create=True)
    played.clock.advance(10)
    assert await used(usage) == 2 * SIZE * 10
    assert await used(usage, model="m", version=2) == SIZE * 10
    for number, reason in ((1, "no"), (2, "no")):
        version = await played.models.version("acme", "m", number)
        await played.models.reject_version("acme", version.id, reason)
    played.clock.advance(10)
    assert await used(usage) == 2 * SIZE * 20  # rejected, and kept
    releases = Releases(played.models_store, played.clock)
    for _ in range(2):
        await releases.delete(ANN, "m", 1)
    played.clock.advance(10)
    assert await used(usage) == SIZE * 20 + SIZE * 30
    await releases.delete_model(ANN, "m")
    played.clock.advance(10)
    assert await used(usage) == SIZE * 20 + SIZE * 30


async def test_an_upload_counts_from_when_all_of_it_has_come(played: Played, usage: UsageService) -> None:
    content = b"y" * SIZE
    uploads = Uploads(played.models_store, played.objects, None, played.clock, runtimes=("onnx",))  # type: ignore[arg-type]
    await played.models.create(ANN, "m")
    files = [FileEntry(path="model.onnx", digest=of_bytes(content), size=SIZE)]
    first = await uploads.start(ANN, "m", files, NewVersion(runtime="onnx"))
    await uploads.start(ANN, "m", files, NewVersion(runtime="onnx"))
    played.clock.advance(10)
    await played.objects.put("acme", once(content))
    await uploads.complete(ANN, "m", first.version.number)
    played.clock.advance(10)
    assert await used(usage) == SIZE * 10
    assert len(await uploads.expire("acme", 0)) == 1
    played.clock.advance(10)
    assert await used(usage) == SIZE * 20


async def test_a_data_set_counts_from_when_it_is_ready_until_it_is_deleted(played: Played, usage: UsageService) -> None:
    async def unused(*_given: object) -> None:
        return None

    deletion = DatasetDeletion(SqlStore(played.database, SqlDatasets), played.clock, unused)
    size = sum(map(len, IMPORTED.values()))
    versions = [await played.digits() for _ in range(2)]
    assert [version.size for version in versions] == [size, size]
    played.clock.advance(10)
    assert await used(usage) == 2 * size * 10
    await deletion.delete_version(ANN, "digits", 1)
    played.clock.advance(10)
    assert await used(usage) == size * 10 + size * 20
    await deletion.delete(ANN, "digits")
    played.clock.advance(10)
    assert await used(usage) == size * 10 + size * 20
