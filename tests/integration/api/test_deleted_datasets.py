"""Data sets are deleted with their files, unless something needs them; what was made of them says so for ever."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.datasets import SqlDatasets
from bms.adapters.sql.store import SqlStore
from bms.control.datasets.deletion import DatasetDeletion
from bms.control.jobs.nouns import JobSpec, TreeInput
from bms.control.models.nouns import Gate
from bms.control.training.dataset_use import DatasetUse
from bms.core.access.principal import Principal
from bms.core.errors import FailedPrecondition, NotFound
from bms.core.pages import PageRequest
from bms.web.api.resources import datasets
from tests.worlds.api import Api
from tests.worlds.features import ANN, Played

VALIDATION = Gate(metric="accuracy", dataset="digits", minimum=0.9)


@pytest.fixture
async def played(database: Database) -> Played:
    return await Played(database).start()


@pytest.fixture
def deletion(played: Played) -> DatasetDeletion:
    use = DatasetUse(played.job_store, played.models_store)
    return DatasetDeletion(SqlStore(played.database, SqlDatasets), played.clock, use)


async def test_a_deleted_version_keeps_its_name_and_loses_its_files(played: Played, deletion: DatasetDeletion) -> None:
    first, second = await played.digits(), await played.digits()
    assert first.tree is not None
    kept = await deletion.delete_version(ANN, "digits", 1)
    assert (kept.state, kept.splits, kept.labels) == ("deleted", first.splits, first.labels)
    assert await deletion.delete_version(ANN, "digits", 1) == kept, "a second time changes nothing"
    assert (await played.datasets.resolve("acme", "digits")).number == second.number
    with pytest.raises(FailedPrecondition, match="digits@1 was deleted: its rows are gone"):
        await played.datasets.resolve("acme", "digits@1")
    numbers = [each.number for each in (await played.datasets.versions("acme", "digits", PageRequest())).items]
    assert numbers == [2]
    everything = await played.datasets.versions("acme", "digits", PageRequest(), every=True)
    assert [each.number for each in everything.items] == [2, 1]
    await deletion.delete(ANN, "digits")
    assert await played.datasets.references("acme") == frozenset(), "the next collection sweeps all"
    with pytest.raises(NotFound):
        await deletion.delete(ANN, "digits")
    assert (await played.datasets.version("acme", "digits", 1)).created_by == "ann"
    names = [event.name for _, event in await played.log.since(0) if "delete" in event.name]
    assert names == ["dataset.version_deleted", "dataset.deleted"]


async def test_the_newest_in_a_list_is_one_that_is_there(played: Played, deletion: DatasetDeletion) -> None:
    await played.digits()
    await played.digits()
    await deletion.delete_version(ANN, "digits", 2)
    async with SqlStore(played.database, SqlDatasets).read() as tx:
        assert (await tx.newest("acme", ["digits"]))["digits"].number == 1


async def test_a_name_that_comes_back_goes_on_counting(played: Played, deletion: DatasetDeletion) -> None:
    await played.digits()
    await deletion.delete(ANN, "digits")
    again = await played.digits()
    assert again.number == 2, "digits@1 names for ever what was trained on"
    listed = (await played.datasets.datasets("acme", PageRequest())).items
    assert [(each.name, each.deleted) for each in listed] == [("digits", False)]


async def test_one_that_is_being_imported_is_refused(played: Played, deletion: DatasetDeletion) -> None:
    version = await played.digits()
    started = await played.datasets.start_import("acme", "ann", "digits", version.request)
    await played.react()
    for deleting in (deletion.delete(ANN, "digits"), deletion.delete_version(ANN, "digits", 2)):
        with pytest.raises(
            FailedPrecondition, match=f"digits@2 is being imported.*bms job cancel job_import_{started.id}"
        ):
            await deleting
    assert (await deletion.delete_version(ANN, "digits", 1)).state == "deleted"


async def test_one_that_a_gate_measures_on_is_refused(played: Played, deletion: DatasetDeletion) -> None:
    await played.digits()
    await played.digits()
    pinned = Gate(metric="f1", dataset="digits@2", minimum=0.5)
    await played.models.create(ANN, "m", "", (VALIDATION,))
    await played.models.create(ANN, "n", "", (pinned,))
    with pytest.raises(FailedPrecondition, match="needed by the gate on f1 of model 'n'"):
        await deletion.delete_version(ANN, "digits", 2)
    assert (await deletion.delete_version(ANN, "digits", 1)).state == "deleted", "a newer one is left to measure on"
    await played.models.change(ANN, "n", gates=())
    with pytest.raises(FailedPrecondition, match=r"the gate on accuracy of model 'm': .*bms model gates m"):
        await deletion.delete(ANN, "digits")
    await played.models.change(ANN, "m", gates=())
    assert (await deletion.delete(ANN, "digits")).deleted


async def test_one_that_a_job_reads_is_refused_until_the_job_ends(played: Played, deletion: DatasetDeletion) -> None:
    version = await played.digits()
    assert version.tree is not None
    given = TreeInput(name="data", tree=version.tree, reference=version.reference)
    job = await played.jobs.submit("acme", "ann", "look", JobSpec(kind="x", entry="task:evaluate", inputs=(given,)))
    with pytest.raises(FailedPrecondition, match=rf"needed by job {job.id} \(look\): .*bms job cancel {job.id}"):
        await deletion.delete(ANN, "digits")
    await played.jobs.cancel("acme", "ann", job.id)
    assert (await deletion.delete(ANN, "digits")).deleted


async def test_what_begins_to_need_one_that_was_deleted_meanwhile_is_refused(
    played: Played, deletion: DatasetDeletion
) -> None:
    """Whoever looked one up, and comes to write when it is gone."""
    version = await played.digits()
    await played.digits()
    assert version.tree is not None
    given = TreeInput(name="data", tree=version.tree, reference=version.reference)
    spec = JobSpec(kind="x", entry="task:evaluate", inputs=(given,))
    await played.models.create(ANN, "m", "", ())
    await deletion.delete_version(ANN, "digits", 1)
    pinned = Gate(metric="f1", dataset="digits@1", minimum=0.5)
    for needing in (
        played.jobs.submit("acme", "ann", "look", spec),
        played.models.change(ANN, "m", gates=(pinned,)),
        played.models.create(ANN, "n", "", (pinned,)),
    ):
        with pytest.raises(FailedPrecondition, match="data set digits@1 was deleted"):
            await needing
    await deletion.delete(ANN, "digits")
    with pytest.raises(FailedPrecondition, match="data set digits was deleted"):
        await played.models.change(ANN, "m", gates=(VALIDATION,))


async def test_a_use_and_a_deletion_at_once_are_one_after_the_other(played: Played, deletion: DatasetDeletion) -> None:
    version = await played.digits()
    assert version.tree is not None
    given = TreeInput(name="data", tree=version.tree, reference=version.reference)
    spec = JobSpec(kind="x", entry="task:evaluate", inputs=(given,))
    done = await asyncio.gather(
        played.jobs.submit("acme", "ann", "look", spec), deletion.delete(ANN, "digits"), return_exceptions=True
    )
    assert [isinstance(each, FailedPrecondition) for each in done].count(True) == 1, done


async def test_another_tenant_deletes_nothing(played: Played, deletion: DatasetDeletion) -> None:
    await played.digits()
    stranger = Principal(tenant="other", user="eve", key="k", role="owner", scopes=frozenset())
    for deleting in (deletion.delete(stranger, "digits"), deletion.delete_version(stranger, "digits", 1)):
        with pytest.raises(NotFound):
            await deleting
    assert (await played.datasets.resolve("acme", "digits")).number == 1


@pytest.fixture
async def admin(played: Played, deletion: DatasetDeletion) -> AsyncIterator[httpx.AsyncClient]:
    more = datasets.endpoints(played.datasets, deletion, played.objects)
    api = await Api(played.database, played.clock, more).start()
    async with api.as_admin as client:
        yield client


async def test_over_http(admin: httpx.AsyncClient) -> None:
    await admin.post("/datasets/iris/versions", json={"source": {"sample": "digits"}})
    refused = await admin.delete("/datasets/iris")
    assert (refused.status_code, refused.json()["code"]) == (412, "FAILED_PRECONDITION")
    assert (await admin.delete("/datasets/iris/versions/7")).status_code == 404
    assert (await admin.delete("/datasets/iris/versions/x")).status_code == 400
    assert (await admin.delete("/datasets/none")).status_code == 404
