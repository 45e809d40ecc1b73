"""Run times by number of rows: measured while serving, robust to a single odd run."""

from collections.abc import Iterator

_GAIN = 0.2  # of a new run's time in the estimate
_DEVIATION_GAIN = 0.25
_LEAST_S = 1e-9  # no run takes no time, whatever a coarse clock says
_LIKELY = 2.5  # mean deviations above the mean
_RISE = 0.05  # of the least time, towards longer runs
_FORGET = 0.98


class _Point:
    """The figures of one size class: mean rows and seconds, mean deviation, and about the shortest recent run."""

    __slots__ = ("deviation", "least", "rows", "seconds")

    def __init__(self, rows: int, seconds: float) -> None:
        self.rows = float(rows)
        self.seconds = seconds
        self.deviation = 0.0
        self.least = seconds


class ServiceTimes:
    """Estimates run times for one batch key. Sizes are classed by powers of two; between classes time is linear.

    Mean and deviation are moving averages as TCP keeps them of round trips (RFC 6298), with the one difference that
    a run counts as no more than twice the mean: a pause of the machine moves the estimate a little, a model that
    has become slower moves it run by run.
    """

    def __init__(self) -> None:
        self._classes: list[_Point | None] = [None] * 33

    def note(self, rows: int, seconds: float) -> None:
        """Records how long a run of `rows` rows took."""
        seconds = max(seconds, _LEAST_S)
        at = (rows - 1).bit_length()
        point = self._classes[at]
        if point is None:
            self._classes[at] = _Point(rows, seconds)
            return
        error = seconds - point.seconds
        if error > point.seconds:
            error = point.seconds
        point.seconds += _GAIN * error
        point.rows += _GAIN * (rows - point.rows)
        point.deviation += _DEVIATION_GAIN * (abs(error) - point.deviation)
        if seconds < point.least:
            point.least = seconds
        else:
            point.least += _RISE * min(seconds - point.least, point.least)

    @property
    def known(self) -> bool:
        """Whether any run was recorded."""
        return any(point is not None for point in self._classes)

    def sizes(self, most: int) -> Iterator[int]:
        """The numbers of rows up to `most` at which the curve of expected times has a corner, ascending."""
        for point in self._classes:
            if point is not None and point.rows <= most:
                yield max(1, int(point.rows))

    def expected(self, rows: int) -> float:
        """Seconds that a run of so many rows takes on average. Zero when nothing is known."""
        return self._interpolated(rows, 0.0)

    def likely(self, rows: int) -> float:
        """Seconds within which nearly all runs of so many rows end."""
        return self._interpolated(rows, _LIKELY)

    def least(self, rows: int) -> float:
        """Seconds that every recent run of this size took at least; zero while none of this size was seen."""
        point = self._classes[(rows - 1).bit_length()]
        return 0.0 if point is None else point.least

    def lower_least(self, rows: int) -> None:
        """Lowers the least time after it kept a call from running, so that one is tried again some day."""
        point = self._classes[(rows - 1).bit_length()]
        if point is not None:
            point.least *= _FORGET

    def _interpolated(self, rows: int, deviations: float) -> float:
        below: _Point | None = None
        for point in self._classes:
            if point is None:
                continue
            if point.rows >= rows:
                high = point.seconds + deviations * point.deviation
                if below is None or point.rows <= below.rows:
                    return high
                low = below.seconds + deviations * below.deviation
                return low + (high - low) * (rows - below.rows) / (point.rows - below.rows)
            below = point
        if below is None:
            return 0.0
        # Beyond what was seen: as if nothing were gained by going together.
        return (below.seconds + deviations * below.deviation) * rows / below.rows
