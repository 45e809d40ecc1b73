"""Decides when a process that ended is started again: with growing pauses, or, before the platform was ever ready,
never."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RestartPolicy:
    """The pauses in seconds. `tries` counts the starts that may fail in a row before the platform was ever ready."""

    first_wait_s: float = 0.05
    longest_wait_s: float = 5.0
    steady_s: float = 10.0
    tries: int = 5


class Restarts:
    """The starts and failures of one process, as far as the next restart depends on them."""

    def __init__(self, policy: RestartPolicy) -> None:
        self._policy = policy
        self.failures = 0

    def wait_after(self, lived_s: float, was_ready: bool) -> float | None:
        """Seconds to wait before the next start; None: give up.

        One that lived long is started again at once. Nobody gives up on a platform that was ready: gateways
        serve on without control, so a control that comes back late is worth waiting for.
        """
        if lived_s >= self._policy.steady_s:
            self.failures = 0
            return 0.0
        self.failures += 1
        if not was_ready and self.failures >= self._policy.tries:
            return None
        if self.failures == 1:
            return 0.0
        return float(min(self._policy.longest_wait_s, self._policy.first_wait_s * 2 ** (self.failures - 2)))
