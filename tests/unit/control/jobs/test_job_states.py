"""A job moves only along its states, and ends once."""

from typing import get_args

import pytest

from bms.control.jobs.nouns import TERMINAL, JobState
from bms.control.jobs.states import FOLLOWS, moved
from bms.core.clock import ManualClock
from bms.core.errors import FailedPrecondition
from tests.worlds.jobs import job

STATES: tuple[JobState, ...] = get_args(JobState)
NOW = ManualClock().now()


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("after", STATES)
def test_every_pair_of_states_is_allowed_or_refused(before: JobState, after: JobState) -> None:
    row = job(state=before)
    if after in FOLLOWS[before]:
        assert moved(row, after, NOW).state == after
    else:
        with pytest.raises(FailedPrecondition, match=f"is {before}: it can't become {after}"):
            moved(row, after, NOW)


def test_nothing_follows_an_end_and_every_end_can_be_reached() -> None:
    assert all(not FOLLOWS[state] for state in TERMINAL)
    assert set().union(*FOLLOWS.values()) >= TERMINAL
    assert "succeeded" not in FOLLOWS["queued"] | FOLLOWS["starting"], "only what ran can succeed"


def test_times_go_with_states() -> None:
    running = moved(job(state="starting"), "running", NOW)
    assert (running.started_at, running.ended_at) == (NOW, None)
    again = moved(running, "queued", NOW, error="why", run_at=NOW)
    assert (again.started_at, again.run_at, again.error, again.stopping) == (None, NOW, "why", "")
    assert moved(running, "failed", NOW, error="why").ended_at == NOW
