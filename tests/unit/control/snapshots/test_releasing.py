"""When a drained replica may be stopped."""

from bms.control.snapshots.rollout_barrier import BOUND_S, REMEMBERED_S, RolloutBarrier

R = frozenset({"r"})


def test_it_is_released_when_every_gateway_has_come_to_its_draining() -> None:
    releasing = RolloutBarrier()
    assert releasing.released(R, 7, 7, 6, 100.0) == frozenset()
    assert releasing.released(R, 9, 9, 6, 100.1) == frozenset()
    assert releasing.released(R, 9, 9, 7, 100.2) == R, "what happened since it drained need not be waited for"


def test_a_gateway_that_says_nothing_is_waited_for_five_seconds() -> None:
    releasing = RolloutBarrier()
    releasing.released(R, 7, 7, 6, 100.0)
    assert releasing.released(R, 7, 7, 6, 99.9 + BOUND_S) == frozenset()
    assert releasing.released(R, 7, 7, 6, 100.0 + BOUND_S) == R


def test_they_are_told_first_before_time_runs() -> None:
    releasing = RolloutBarrier()
    releasing.released(R, 7, 6, 6, 100.0)
    assert releasing.released(R, 7, 6, 6, 100.0 + BOUND_S) == frozenset()
    assert releasing.released(R, 7, 7, 6, 101.0 + BOUND_S) == frozenset()
    assert releasing.released(R, 7, 7, 6, 101.0 + 2 * BOUND_S) == R


def test_each_replica_is_waited_for_by_itself() -> None:
    releasing = RolloutBarrier()
    releasing.released(["a"], 7, 9, 6, 100.0)
    assert releasing.released(["b"], 9, 9, 6, 104.0) == frozenset()
    assert releasing.released(["a", "b"], 9, 9, 6, 105.0) == {"a"}
    assert releasing.released(["a", "b"], 9, 9, 8, 105.0) == {"a"}
    assert releasing.released(["a", "b"], 9, 9, 9, 105.0) == {"a", "b"}


def test_what_nobody_asks_about_is_forgotten() -> None:
    releasing = RolloutBarrier()
    releasing.released(R, 7, 7, 6, 100.0)
    assert releasing.released(R, 9, 9, 8, 101.0 + REMEMBERED_S) == frozenset()
