"""Retries: the one place that decides which requests may be repeated, and when.

A request may be repeated when it surely did not run (no connection; 429 or 503, which refuse before running), and,
if its effect is one however often it arrives (GET, HEAD, PUT without a condition, DELETE, or a POST with an
Idempotency-Key), also when no reply came. Waits grow exponentially with full jitter; a budget keeps retries to a
fifth of the calls, so that a sick server is not pushed under.
"""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from bms.core.clock import Clock, SystemClock
from bms.core.errors import Aborted, BmsError, ResourceExhausted, Unavailable
from bms.sdk.transport.failures import error_of
from bms.sdk.transport.flow import ClientRequest, Flow, Reply, TimedOut, Unreachable, pause, send

REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})


@dataclass(frozen=True)
class RetryPolicy:
    """How often, and after which waits, a request is retried. Times in seconds; `attempts` counts the first one."""

    attempts: int = 5
    first_wait_s: float = 0.1
    longest_wait_s: float = 5.0
    longest_retry_after_s: float = 30.0
    share: float = 0.2
    reserve: float = 10.0


@dataclass
class ClientRetryBudget:
    """Limits retries to a share of calls: every call adds `share`, every retry takes one; never over `reserve`."""

    share: float
    reserve: float
    _left: float = field(init=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._left = self.reserve

    def earn(self) -> None:
        with self._lock:
            self._left = min(self.reserve, self._left + self.share)

    def spend(self) -> bool:
        """Takes one retry from the budget; whether there was one."""
        with self._lock:
            if self._left < 1:
                return False
            self._left -= 1
            return True


class Retrying:
    """Sends the requests of all resources of one client, retrying as the policy says."""

    def __init__(
        self,
        policy: RetryPolicy,
        clock: Clock | None = None,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._policy = policy
        self._clock = clock or SystemClock()
        self._uniform = uniform
        self._budget = ClientRetryBudget(policy.share, policy.reserve)

    def __call__(self, request: ClientRequest) -> Flow[Reply]:
        """The first good reply. Raises the error that the last reply meant, Unreachable, or TimedOut."""
        self._budget.earn()
        attempt = 1
        while True:
            try:
                reply = yield from send(request)
            except (Unreachable, TimedOut) as error:
                failure: BmsError = error
            else:
                if reply.ok:
                    return reply
                failure = error_of(reply, self._clock)
            if not self._worth_repeating(request, failure, attempt) or not self._budget.spend():
                raise failure
            yield from pause(self._wait(failure, attempt))
            attempt += 1

    def _worth_repeating(self, request: ClientRequest, failure: BmsError, attempt: int) -> bool:
        if attempt >= self._policy.attempts or (failure.retry_after_s or 0) > self._policy.longest_retry_after_s:
            return False
        if isinstance(failure, Unreachable):
            return not failure.sent or _one_effect(request)
        if isinstance(failure, TimedOut):
            return _one_effect(request)
        if isinstance(failure, Aborted):
            # The first attempt of this very request may still be running behind a lost connection.
            return attempt > 1 and "idempotency-key" in request.headers
        return isinstance(failure, Unavailable | ResourceExhausted)

    def _wait(self, failure: BmsError, attempt: int) -> float:
        longest = min(self._policy.longest_wait_s, self._policy.first_wait_s * 2 ** (attempt - 1))
        return (failure.retry_after_s or 0) + self._uniform(0, longest)


def _one_effect(request: ClientRequest) -> bool:
    if "idempotency-key" in request.headers:
        return True
    return request.method in REPEATABLE and "if-match" not in request.headers
