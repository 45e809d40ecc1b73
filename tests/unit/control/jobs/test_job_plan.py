"""What is to be done about jobs, as a table: a situation, and the one thing it asks for."""

from datetime import timedelta

import pytest

from bms.control.jobs.nouns import Job, JobCapacity
from bms.control.jobs.plan import (
    Action,
    Adopt,
    Claim,
    Collect,
    Finish,
    ForgetJobWorkload,
    Interrupt,
    JobObservation,
    NoteStarted,
    PrepareAttempt,
    StopAttempt,
    StopWorkload,
    plan,
)
from bms.core.clock import ManualClock
from bms.core.workloads.resources import Resources
from bms.core.workloads.workload import WorkloadStatus
from tests.worlds.jobs import ROOM, job

NOW = ManualClock().now()
LATER = NOW + timedelta(seconds=1)
LONG_AGO = NOW - timedelta(hours=2)


def workload(id: str = "job_1-a1", state: str = "running", kind: str = "job") -> WorkloadStatus:
    return WorkloadStatus(
        id=id,
        kind=kind,
        tenant="acme",
        owner="job_1",
        epoch=1,
        state=state,
        started_at=0,  # type: ignore[arg-type]
    )


RUNS = workload()
ENDED = workload(state="ended")
queued = job()
starting = job(state="starting", attempt=1, token=1)
running = job(state="running", attempt=1, token=1, started_at=NOW)
cancelled = job(state="running", attempt=1, token=1, started_at=NOW, cancel_requested=True)
overdue = job(state="running", attempt=1, token=1, started_at=LONG_AGO)
huge = job(spec={"resources": Resources(memory=1 << 50)})


def seen(job: Job, mine: bool = True, busy: bool = False) -> JobObservation:
    return JobObservation(job=job, mine=mine, busy=busy)


CASES: list[tuple[str, JobObservation, WorkloadStatus | None, list[Action]]] = [
    ("a queued job is claimed", seen(queued, mine=False), None, [Claim(queued)]),
    ("a retry that is due is claimed", seen(job(run_at=NOW)), None, [Claim(job(run_at=NOW))]),
    ("a retry waits for its time", seen(job(run_at=LATER)), None, []),
    (
        "a cancelled one that waits ends",
        seen(job(cancel_requested=True)),
        None,
        [Finish(job(cancel_requested=True), "cancelled", "cancelled on request")],
    ),
    ("a claimed one is prepared", seen(starting), None, [PrepareAttempt(starting)]),
    ("but once", seen(starting, busy=True), None, []),
    ("a start that was not noted is noted", seen(starting), RUNS, [NoteStarted(starting)]),
    ("also when it has ended already", seen(starting), ENDED, [NoteStarted(starting)]),
    (
        "one of who led before is taken over",
        seen(starting, mine=False),
        None,
        [Adopt(starting)],
    ),
    ("a running one is left alone", seen(running), RUNS, []),
    ("an ended one is collected", seen(running), ENDED, [Collect(running, ENDED)]),
    ("but once", seen(running, busy=True), ENDED, []),
    ("a vanished one is looked for", seen(running), None, [Collect(running, None)]),
    ("its running one, too", seen(running, mine=False), None, [Adopt(running)]),
    ("before its end is collected", seen(running, mine=False), ENDED, [Adopt(running)]),
    ("a cancelled one is stopped", seen(cancelled), RUNS, [StopAttempt(cancelled, "")]),
    ("but once", seen(cancelled, busy=True), RUNS, []),
    ("and collected when it ended", seen(cancelled), ENDED, [Collect(cancelled, ENDED)]),
    ("one over its time is stopped", seen(overdue), RUNS, [StopAttempt(overdue, "timed out after 3600 s")]),
    ("one that ended in time is not", seen(overdue), ENDED, [Collect(overdue, ENDED)]),
]


@pytest.mark.parametrize(
    ("situation", "one", "status", "wanted"), CASES, ids=[f"{n}-{c[0]}" for n, c in enumerate(CASES)]
)
def test_one_situation_asks_for_one_thing(
    situation: str, one: JobObservation, status: WorkloadStatus | None, wanted: list[Action]
) -> None:
    workloads = {} if status is None else {status.id: status}
    assert plan([one], workloads, ROOM, NOW) == wanted


def test_a_preparation_is_interrupted_by_a_cancellation_and_then_ended() -> None:
    asked = job(state="starting", attempt=1, token=1, cancel_requested=True)
    assert plan([seen(asked, busy=True)], {}, ROOM, NOW) == [Interrupt(asked)]
    assert plan([seen(asked)], {}, ROOM, NOW) == [Finish(asked, "cancelled", "cancelled on request")]


def test_a_stop_that_a_crash_cut_short_is_repeated_with_its_reason() -> None:
    stopping = job(state="running", attempt=1, token=1, started_at=NOW, stopping="timed out after 5 s")
    assert plan([seen(stopping)], {RUNS.id: RUNS}, ROOM, NOW) == [StopAttempt(stopping, "timed out after 5 s")]


def test_what_can_never_run_is_refused() -> None:
    (action,) = plan([seen(huge)], {}, JobCapacity(jobs=1, cpu=1, memory=1 << 30), NOW)
    assert isinstance(action, Finish)
    assert (action.state, "of memory" in action.error) == ("failed", True)


def test_workloads_no_live_attempt_owns_are_stopped_then_forgotten() -> None:
    workloads = {
        status.id: status
        for status in (
            workload("job_1-a1"),  # of a job that was retried since
            workload("job_1-a2"),
            workload("gone-a1"),
            workload("gone-a2", state="ended"),
            workload("replica_1", kind="model_server"),
        )
    }
    retried = job(state="running", attempt=2, token=2, started_at=NOW)
    assert plan([seen(retried)], workloads, ROOM, NOW) == [
        StopWorkload("job_1-a1"),
        StopWorkload("gone-a1"),
        ForgetJobWorkload("gone-a2"),
    ]


def test_a_queued_retry_gives_up_the_workload_of_its_last_attempt() -> None:
    waiting = job(attempt=1, token=1, run_at=LATER)
    assert plan([seen(waiting, mine=False)], {ENDED.id: ENDED}, ROOM, NOW) == [ForgetJobWorkload(ENDED.id)]


def test_capacity_counts_what_is_taken_over_too() -> None:
    room = JobCapacity(jobs=1, cpu=10, memory=1 << 50)
    assert plan([seen(running, mine=False), seen(job("job_2"))], {RUNS.id: RUNS}, room, NOW) == [Adopt(running)]
