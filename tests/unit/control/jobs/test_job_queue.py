"""Jobs start fairly between tenants, oldest first, within what the machine has."""

from datetime import timedelta

from bms.control.jobs.nouns import Job, JobCapacity
from bms.control.jobs.queue import next_to_start, too_large
from bms.core.clock import ManualClock
from bms.core.workloads.resources import Resources
from tests.worlds.jobs import ROOM, job

START = ManualClock().now()


def at(second: int, tenant: str = "acme", cpu: float = 1, memory: int = 1 << 30) -> Job:
    return job(
        f"{tenant}-{second}",
        tenant=tenant,
        created_at=START + timedelta(seconds=second),
        spec={"resources": Resources(cpu=cpu, memory=memory)},
    )


def ids(jobs: list[Job]) -> list[str]:
    return [job.id for job in jobs]


def test_tenants_take_turns_and_within_one_the_oldest_is_first() -> None:
    queued = [at(9, "busy"), *(at(second, "busy") for second in range(3)), at(4, "calm"), at(5, "calm")]
    assert ids(next_to_start(queued, [], ROOM)) == ["busy-0", "calm-4", "busy-1", "calm-5", "busy-2", "busy-9"]


def test_a_tenant_with_jobs_running_waits_for_one_with_none() -> None:
    running = [at(0, "busy"), at(1, "busy")]
    room = JobCapacity(jobs=4, cpu=100, memory=1 << 50)
    assert ids(next_to_start([at(2, "busy"), at(8, "calm"), at(9, "calm")], running, room)) == ["calm-8", "calm-9"]


def test_no_more_jobs_cores_or_bytes_than_there_are() -> None:
    queued = [at(second) for second in range(9)]
    assert len(next_to_start(queued, [], JobCapacity(jobs=3, cpu=100, memory=1 << 50))) == 3
    assert len(next_to_start(queued, [at(10)], JobCapacity(jobs=3, cpu=100, memory=1 << 50))) == 2
    assert len(next_to_start(queued, [], JobCapacity(jobs=100, cpu=4.5, memory=1 << 50))) == 4
    assert len(next_to_start(queued, [at(10)], JobCapacity(jobs=100, cpu=100, memory=3 << 30))) == 2
    assert next_to_start(queued, [at(10)], JobCapacity(jobs=1, cpu=100, memory=1 << 50)) == []


def test_nothing_small_overtakes_a_large_job_that_waits_for_room() -> None:
    room = JobCapacity(jobs=100, cpu=4, memory=1 << 50)
    assert next_to_start([at(1, cpu=4), at(2, cpu=1)], [at(0)], room) == []
    assert ids(next_to_start([at(1, cpu=4), at(2, cpu=1)], [], room)) == ["acme-1"]


def test_more_cores_than_there_are_means_running_alone_but_more_memory_is_refused() -> None:
    room = JobCapacity(jobs=100, cpu=2, memory=4 << 30)
    assert ids(next_to_start([at(1, cpu=8), at(2)], [], room)) == ["acme-1"]
    assert next_to_start([at(1, cpu=8)], [at(0)], room) == []
    assert too_large(at(1, cpu=8), room) == ""
    assert "asks for 8.6 GB of memory, jobs have 4.3 GB" in too_large(at(1, memory=8 << 30), room)


def test_users_code_never_holds_up_the_platforms_own_tasks() -> None:
    def training(second: int) -> Job:
        code = {"code": "sha256:" + "0" * 64, "resources": Resources(cpu=1, memory=1 << 30)}
        return job(f"train-{second}", created_at=START + timedelta(seconds=second), spec=code)

    room = JobCapacity(jobs=1, cpu=1, memory=1 << 50)
    assert ids(next_to_start([training(1), at(2)], [training(0)], room)) == ["acme-2"]
    assert ids(next_to_start([training(1), at(2)], [at(0)], room)) == ["train-1"]
    assert ids(next_to_start([training(1), at(2)], [], room)) == ["acme-2", "train-1"]
