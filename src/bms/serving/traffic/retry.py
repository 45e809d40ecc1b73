"""Retries: whether a failed call is sent to another replica."""

MAX_ATTEMPTS = 2


class RetryBudget:
    """Bounds retries to a share of all calls, so that a failing fleet is not asked twice as much.

    `burst` is saved up for the moment a replica dies with all its calls.
    """

    def __init__(self, ratio: float = 0.2, burst: float = 1024.0) -> None:
        self._ratio = ratio
        self._burst = burst
        self._saved = burst

    def earn(self) -> None:
        """Records a call that was sent for the first time."""
        saved = self._saved + self._ratio
        self._saved = saved if saved < self._burst else self._burst

    def spend(self) -> bool:
        """Takes one retry, if there is one."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True


def may_retry(*, retryable: bool, attempts: int, begun: bool, now: float, deadline: float) -> bool:
    """Whether to repeat a call: once, only for failures that say another replica may do better, only in time, and never
    after a part of an answer was passed on."""
    return retryable and attempts < MAX_ATTEMPTS and not begun and now < deadline
