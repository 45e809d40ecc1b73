"""What an attempt's end means, case by case."""

from datetime import timedelta

import msgspec
import pytest

from bms.control.jobs.outcomes import AttemptOutcome, after_attempt, ending, exit_text, pause_s
from bms.core.clock import ManualClock
from bms.core.workloads.programs import JobResult
from bms.core.workloads.workload import WorkloadStatus
from tests.worlds.jobs import job

NOW = ManualClock().now()
GOOD = JobResult(state="succeeded", metrics={"accuracy": 0.9}, report={"rows": 3})
BAD = JobResult(state="failed", error="ValueError: no rows")


def status(exit_code: int | None = 0, verdict: str = "") -> WorkloadStatus:
    return WorkloadStatus(
        id="job_1-a1",
        kind="job",
        tenant="acme",
        owner="job_1",
        epoch=1,
        state="ended",
        started_at=0,
        exit_code=exit_code,
        verdict=verdict,
    )


@pytest.mark.parametrize(
    ("seen", "result", "unreadable", "stopping", "state", "words"),
    [
        (status(), GOOD, "", "", "succeeded", ""),
        (status(1), GOOD, "", "", "succeeded", ""),  # the result is written last: what came after does not count
        (None, GOOD, "", "", "succeeded", ""),
        (status(1), BAD, "", "", "failed", "ValueError: no rows"),
        (status(1), JobResult(state="failed"), "", "", "failed", "did not say why"),
        (
            status(-9, "killed: used 2.1 GB of 2.0 GB"),
            None,
            "",
            "",
            "failed",
            "killed: used 2.1 GB of 2.0 GB",
        ),
        (status(-9, "killed: used 2.1 GB of 2.0 GB"), BAD, "", "", "failed", "killed: used 2.1 GB"),
        (status(143), JobResult(state="failed", error="cancelled"), "", "", "lost", "stopped from outside"),
        (status(-11), None, "", "", "failed", "by signal 11 (SIGSEGV)"),
        (status(3), None, "", "", "failed", "exit code 3"),
        (status(0), None, "", "", "failed", "left no result"),
        (status(0), None, "its result can't be read", "", "failed", "can't be read"),
        (status(None), None, "", "", "lost", "vanished"),
        (None, None, "", "", "lost", "vanished"),
        (status(-15), BAD, "", "timed out after 5 s", "failed", "timed out after 5 s"),
        (status(), GOOD, "", "timed out after 5 s", "failed", "timed out after 5 s"),
    ],
)
def test_an_end_is_named(
    seen: WorkloadStatus | None, result: JobResult | None, unreadable: str, stopping: str, state: str, words: str
) -> None:
    end = ending(job(state="running", stopping=stopping), seen, result, unreadable)
    assert end.state == state
    assert words in end.error
    assert (end.error == "") == (state == "succeeded")
    if result is GOOD:
        assert (end.metrics, end.report) == (GOOD.metrics, GOOD.report)


def test_limits_of_a_persons_own_job_say_how_to_ask_for_more() -> None:
    own = job(state="running")
    own = msgspec.structs.replace(own, spec=msgspec.structs.replace(own.spec, entry="train.py"))
    killed = ending(own, status(-9, "killed: used 2.3 GB of 2.1 GB"), None)
    assert killed.error == "killed: used 2.3 GB of 2.1 GB: `--memory 4GiB` gives it more"
    late = ending(msgspec.structs.replace(own, stopping="timed out after 5 s"), status(-15), None)
    assert late.error == "timed out after 5 s: `--timeout 12h` lets it run longer"


@pytest.mark.parametrize(
    ("attempt", "attempts", "cancelled", "end", "state"),
    [
        (1, 1, False, "failed", "failed"),
        (1, 2, False, "failed", "queued"),
        (1, 2, False, "lost", "queued"),
        (2, 2, False, "lost", "lost"),
        (1, 2, False, "succeeded", "succeeded"),
        (1, 2, True, "failed", "cancelled"),
        (1, 1, True, "succeeded", "cancelled"),
    ],
)
def test_a_job_is_tried_again_only_after_failures_and_never_once_cancelled(
    attempt: int, attempts: int, cancelled: bool, end: str, state: str
) -> None:
    row = job(state="running", attempt=attempt, cancel_requested=cancelled, spec={"max_attempts": attempts})
    after = after_attempt(row, AttemptOutcome(state=end, error="why", output="sha256:x"), NOW)  # type: ignore[arg-type]
    assert after.state == state
    assert (after.output is not None) == (state not in ("queued", "cancelled"))
    if state == "queued":
        assert after.run_at == NOW + timedelta(seconds=pause_s(attempt))
        assert "attempt 1 of 2" in after.message


@pytest.mark.parametrize(
    ("entry", "result", "state"),
    [
        ("task:verify", BAD, "failed"),
        ("task:verify", None, "queued"),
        ("train.py", BAD, "queued"),
    ],
)
def test_what_a_task_of_the_platform_says_of_its_input_is_not_asked_again(
    entry: str, result: JobResult | None, state: str
) -> None:
    row = job(state="running", attempt=1, spec={"max_attempts": 2, "entry": entry})
    assert after_attempt(row, ending(row, status(1), result), NOW).state == state


def test_a_job_that_never_ran_can_be_cancelled_and_refused() -> None:
    assert after_attempt(job(cancel_requested=True), AttemptOutcome(state="cancelled"), NOW).state == "cancelled"
    assert after_attempt(job(attempt=1), AttemptOutcome(state="failed", error="too large"), NOW).error == "too large"


def test_pauses_double_up_to_five_minutes() -> None:
    assert [pause_s(attempt) for attempt in (1, 2, 3, 20, 10**6)] == [2, 4, 8, 300, 300]


def test_unknown_signals_have_words_too() -> None:
    assert exit_text(-200) == "by signal 200"
