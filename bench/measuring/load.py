"""What one run of load came to."""

from typing import NamedTuple


class Load(NamedTuple):
    """`late` is the share of requests that an open loop began over 1 ms late."""

    requests: int
    errors: int
    seconds: float
    p50_us: float
    p99_us: float
    max_us: float
    late: float = 0.0

    @property
    def per_s(self) -> float:
        return self.requests / self.seconds
