"""The jobs repository keeps its contract on both databases."""

import asyncio
import tracemalloc
from datetime import timedelta

import msgspec
import pytest

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.jobs import SqlJobs
from bms.adapters.sql.store import SqlStore
from bms.control.jobs.nouns import Job, TreeInput
from bms.core.clock import ManualClock
from bms.core.errors import Aborted, AlreadyExists
from bms.core.pages import PageRequest, decode_cursor
from bms.core.workloads.environments import EnvironmentSpec
from tests.worlds.jobs import add_tenant, job

Jobs = SqlStore[SqlJobs]


@pytest.fixture
async def store(database: Database, clock: ManualClock) -> Jobs:
    await add_tenant(database, clock)
    await add_tenant(database, clock, "other")
    return SqlStore(database, SqlJobs)


async def _add(store: Jobs, *rows: Job) -> None:
    async with store.write() as tx:
        for row in rows:
            await tx.add_job(row)


async def _claim(store: Jobs, row: Job) -> Job | None:
    async with store.write() as tx:
        return await tx.claim(row)


async def test_jobs_come_back_as_they_were_stored(store: Jobs, clock: ManualClock) -> None:
    full = job(
        spec={
            "inputs": (TreeInput(name="data", tree="sha256:1", reference="digits@1"),),
            "parameters": {"layers": [64, 10], "nested": {"a": None, "b": 1.5}},
            "environment": EnvironmentSpec(requirements=("scikit-learn",)),
            "then": {"register": {"model": "m"}},
        },
        state="failed",
        started_at=clock.now() + timedelta(microseconds=3),
        metrics={"accuracy": 0.97},
        report={"rows": 3, "names": ["a"]},
        error="why",
        log="sha256:2",
        log_start=2**40,
        events="sha256:3",
    )
    await _add(store, full)
    async with store.read() as tx:
        assert await tx.job("acme", full.id) == full
        assert await tx.job("other", full.id) is None
        assert (await tx.jobs("other", PageRequest())).items == []


async def test_an_id_is_used_once(store: Jobs) -> None:
    await _add(store, job())
    with pytest.raises(AlreadyExists, match="job_1"):
        await _add(store, job(tenant="other"))


async def test_a_claim_raises_token_and_attempt_and_only_one_wins(store: Jobs) -> None:
    await _add(store, row := job())
    won = [one for one in await asyncio.gather(*(_claim(store, row) for _ in range(8))) if one]
    assert [(one.state, one.attempt, one.token) for one in won] == [("starting", 1, 1)]


async def test_a_cancelled_or_changed_job_is_not_claimed(store: Jobs) -> None:
    await _add(store, job("job_a", cancel_requested=True), job("job_b", state="succeeded"), stale := job("job_c"))
    assert await _claim(store, job("job_a")) is None
    assert await _claim(store, job("job_b")) is None
    assert await _claim(store, msgspec.structs.replace(stale, token=7)) is None
    assert await _claim(store, stale) is not None


async def test_an_attempt_is_taken_over_once_by_a_larger_token(store: Jobs) -> None:
    await _add(store, row := job())
    mine = await _claim(store, row)
    assert mine is not None
    async with store.write() as tx:
        taken = await tx.adopt(mine)
        assert await tx.adopt(mine) is None, "that token is old"
    assert taken is not None
    assert (taken.token, taken.attempt) == (2, 1)
    async with store.write() as tx:
        assert await tx.held(row.id, 1) is None
        held = await tx.held(row.id, 2)
    assert held == taken


async def test_an_old_token_changes_nothing(store: Jobs) -> None:
    await _add(store, row := job())
    mine = await _claim(store, row)
    assert mine is not None
    async with store.write() as tx:
        await tx.adopt(mine)
    for stale in (mine, msgspec.structs.replace(mine, revision=3)):
        with pytest.raises(Aborted):
            async with store.write() as tx:
                await tx.save_job(stale)


async def test_what_has_ended_is_held_by_nobody(store: Jobs) -> None:
    await _add(store, job(state="failed", token=4))
    async with store.write() as tx:
        assert await tx.held("job_1", 4) is None


async def test_live_jobs_are_all_active_ones_and_the_oldest_due_ones_of_each_tenant(
    store: Jobs, clock: ManualClock
) -> None:
    await _add(store, job("job_0", run_at=clock.now() + timedelta(seconds=1)), job("job_1", run_at=clock.now()))
    await _add(store, *(job(f"job_a{n}") for n in range(5)), *(job(f"job_b{n}", tenant="other") for n in range(2)))
    await _add(store, job("job_s", state="starting"), job("job_r", state="running"), job("job_e", state="lost"))
    async with store.read() as tx:
        live = await tx.live(clock.now(), 3)
    assert [one.id for one in live] == ["job_1", "job_a0", "job_a1", "job_b0", "job_b1", "job_s", "job_r"]


async def test_listings_are_newest_first_filtered_and_joined_without_gap(store: Jobs) -> None:
    await _add(store, *(job(f"job_{n}", spec={"kind": "train" if n % 2 else "verify"}) for n in range(7)))
    await _add(store, job("job_x", spec={"subject": "version_1"}, state="failed"), job("job_o", tenant="other"))
    async with store.read() as tx:
        train = await tx.jobs("acme", PageRequest(), kind="train", state="queued")
        subject = await tx.jobs("acme", PageRequest(), subject="version_1")
        first = await tx.jobs("acme", PageRequest(limit=5))
        assert first.next is not None
        rest = await tx.jobs("acme", PageRequest(limit=5, after=decode_cursor(first.next)))
    assert [row.id for row in train.items] == ["job_5", "job_3", "job_1"]
    assert [row.id for row in subject.items] == ["job_x"]
    assert [row.id for row in first.items + rest.items] == ["job_x", *(f"job_{n}" for n in range(6, -1, -1))]
    assert rest.next is None


async def test_references_are_all_trees_and_blobs_a_tenant_s_jobs_still_need(store: Jobs) -> None:
    spec = {"code": "c", "inputs": (TreeInput(name="data", tree="i"),)}
    old = {"code": "d", "inputs": (TreeInput(name="data", tree="j"),)}
    await _add(store, job(spec=spec), job("job_2", tenant="other", log="foreign"))
    await _add(store, job("job_3", spec=old, state="succeeded", output="o", log="l", events="e"))
    await _add(store, job("job_4", checkpoint="k"))
    async with store.read() as tx:
        found = await tx.references("acme")
    assert (found.trees, found.blobs) == (frozenset("cidok"), frozenset("le"))


async def test_references_of_many_jobs_are_found_in_little_memory(store: Jobs) -> None:
    said = {"report": {"text": "r" * 20_000}, "state": "succeeded", "output": "o"}
    for start in range(0, 1200, 100):
        await _add(store, *(job(f"job_{n}", log=f"l{n}", **said) for n in range(start, start + 100)))
    async with store.read() as tx:
        tracemalloc.start()
        try:
            found = await tx.references("acme")
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (found.trees, len(found.blobs)) == (frozenset("o"), 1200)
    assert most < 4 << 20, "of 24 MB of rows"
