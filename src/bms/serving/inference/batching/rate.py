"""The arrival rate of rows, as a moving average."""

from math import exp


class Rate:
    """Rows per second, over about the last `window_s`. Times are monotonic seconds."""

    __slots__ = ("_at", "_level", "_new", "_window")

    def __init__(self, window_s: float) -> None:
        self._window = window_s
        self._level = 0.0
        self._new = 0
        self._at: float | None = None

    def add(self, rows: int) -> None:
        """Records that `rows` rows have arrived."""
        self._new += rows

    def per_s(self, now: float) -> float:
        if self._at is None:
            self._at = now
        self._level = self._level * exp((self._at - now) / self._window) + self._new
        self._at = now
        self._new = 0
        return self._level / self._window
