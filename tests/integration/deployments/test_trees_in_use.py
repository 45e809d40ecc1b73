"""What of the cache of trees is read just now: by replicas that live, and by jobs that run."""

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.jobs import SqlJobs
from bms.adapters.sql.store import SqlStore
from bms.control.deployments.trees_in_use import TreesInUse
from bms.control.jobs.nouns import Job, JobSpec, TreeInput
from bms.core.clock import ManualClock
from tests.worlds.deployments import Deployed, ObedientCluster, follow, principal

BY = principal()
ARTIFACT, DATA, CODE = (f"sha256:{number:064x}" for number in (1, 7, 8))


async def test_trees_of_what_lives_are_named_and_no_others(sqlite: Database, clock: ManualClock) -> None:
    deployed = await Deployed(sqlite, clock, ObedientCluster(clock)).start()
    jobs = SqlStore(sqlite, SqlJobs)
    in_use = TreesInUse(deployed.store, deployed.registry.store, jobs, clock)
    assert await in_use() == set()
    await deployed.service.create(BY, "digits", follow())
    await deployed.settle()
    assert await in_use() == {("default", ARTIFACT)}
    spec = JobSpec(kind="x", entry="a.py", code=CODE, inputs=(TreeInput(name="data", tree=DATA),))
    made = Job(
        id="job_1", tenant="default", name="j", spec=spec, state="queued", created_at=clock.now(), created_by="a"
    )
    async with jobs.write() as tx:
        await tx.add_job(made)
    assert await in_use() == {("default", ARTIFACT)}, "one that waits asks for its own when it starts"
    async with jobs.write() as tx:
        assert await tx.claim(made) is not None
    assert await in_use() == {("default", ARTIFACT), ("default", CODE), ("default", DATA)}
    await deployed.service.delete(BY, "digits")
    for _ in range(8):
        clock.advance(1)
        await deployed.step()
    assert await in_use() == {("default", CODE), ("default", DATA)}
