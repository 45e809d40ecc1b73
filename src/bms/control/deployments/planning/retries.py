"""Decides when a failed replica is replaced: at once if it was serving, else with a growing backoff."""

from datetime import datetime, timedelta

from bms.control.deployments.nouns import Replica

STABLE = timedelta(seconds=60)  # a replica that was ready this long owes nothing to its past
CAP_S = 300.0
GONE = "its process is gone"  # how reasons begin of which nobody saw the end: all of the platform was killed
PLATFORM_STOPPED = "the platform was stopped"
NOT_HERE = "its process is not here: the platform was restored from a backup"


def streak(last: Replica) -> int:
    """The number of failures in a row up to `last`; 0 if it had been stable. The end of a serving replica that went
    while no control looked is not its own failure."""
    if last.ready_at is not None and last.ended_at is not None and last.ended_at - last.ready_at >= STABLE:
        return 0
    if last.ready_at is not None and last.reason.startswith(GONE):
        return last.restarts
    return last.restarts + 1


def retry_at(last: Replica) -> datetime:
    """The time to try again after `last` failed: at once if it was serving, else after 1, 2, 4 … at most 300
    seconds."""
    assert last.ended_at is not None, "a failed replica has ended"
    tries = streak(last) - (1 if last.ready_at is not None else 0)
    return last.ended_at + timedelta(seconds=0 if tries <= 0 else min(CAP_S, 2.0 ** (min(tries, 20) - 1)))
