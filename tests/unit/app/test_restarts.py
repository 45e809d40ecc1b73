"""When a process that ended is started again."""

from bms.app.supervisor.restarts import RestartPolicy, Restarts

POLICY = RestartPolicy(first_wait_s=1, longest_wait_s=5, steady_s=10, tries=4)


def test_the_first_end_is_answered_at_once_and_later_ones_more_and_more_slowly() -> None:
    restarts = Restarts(POLICY)
    assert [restarts.wait_after(0.1, was_ready=True) for _ in range(6)] == [0, 1, 2, 4, 5, 5]


def test_a_steady_life_forgives_what_was_before() -> None:
    restarts = Restarts(POLICY)
    for _ in range(5):
        restarts.wait_after(0.1, was_ready=True)
    assert restarts.wait_after(11, was_ready=True) == 0
    assert restarts.wait_after(0.1, was_ready=True) == 0


def test_a_platform_that_was_never_ready_is_given_up() -> None:
    restarts = Restarts(POLICY)
    assert [restarts.wait_after(0.1, was_ready=False) for _ in range(4)] == [0, 1, 2, None]


def test_a_platform_that_was_ready_is_never_given_up() -> None:
    restarts = Restarts(POLICY)
    assert None not in [restarts.wait_after(0.1, was_ready=True) for _ in range(100)]
