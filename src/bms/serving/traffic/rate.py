"""Rate limits per key: the generic cell rate algorithm (ITU-T I.371), one number of memory per key."""

from math import ceil

from bms.core.errors import ResourceExhausted
from bms.core.serving.snapshot import KeyEntry


class RateLimits:
    """Lets each key do `rate_per_s` requests a second, `burst` of them at once (default: a second's worth)."""

    def __init__(self) -> None:
        self._arrivals: dict[str, float] = {}  # when a key's allowance will be whole again

    def take(self, key: KeyEntry, now: float) -> None:
        """Counts one request at monotonic time `now`. Raises ResourceExhausted, saying when to come again."""
        rate = key.rate_per_s
        if rate is None:
            return
        if rate <= 0:
            raise ResourceExhausted("this key's rate limit is 0 requests per second", retry_after_s=60.0)
        burst = key.burst if key.burst is not None else max(1, ceil(rate))
        step = 1.0 / rate
        arrival = max(self._arrivals.get(key.id, now), now)
        wait = arrival + step - now - step * max(burst, 1)
        if wait > 1e-9:
            raise ResourceExhausted(
                f"over this key's rate limit of {rate:g} requests per second: come again in {wait:.3f} s",
                retry_after_s=wait,
            )
        self._arrivals[key.id] = arrival + step

    def prune(self, now: float) -> None:
        """Forgets keys whose allowance is full again, which is as good as remembering them."""
        self._arrivals = {key: arrival for key, arrival in self._arrivals.items() if arrival > now}
