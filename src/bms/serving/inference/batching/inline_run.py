"""Decides which runs are so short that handing them to the model's thread would cost more than running them in the
event loop."""

SHORT_S = 300e-6  # median below which runs move to the loop
LONG_S = 450e-6  # and above which they leave it
SURPRISE_S = 2e-3  # one such run, and they leave at once
_WINDOW = 16  # runs of which the median is taken
_MOST_WINDOWS = 32


class _Class:
    """One size class: where its runs are now, and what was measured since the last decision."""

    __slots__ = ("clean", "needed", "seconds", "short", "windows")

    def __init__(self) -> None:
        self.short = False
        self.seconds: list[float] = []
        self.windows = 0  # short ones in a row, in the worker
        self.needed = 1  # of them before runs move to the loop; doubled by every surprise
        self.clean = 0  # windows in a row in the loop without a surprise


class InlineRunPolicy:
    """Decides by measurement, for each size class (powers of two), whether runs happen in the event loop.

    Runs begin in the model's thread. They move to the loop when the median of a window is short, and back when it is
    long, or at once when one run took so long that everybody in the loop had to wait for it: never two such runs in a
    row. Each surprise doubles the number of short windows that are needed before the loop is trusted with them again.
    """

    def __init__(self) -> None:
        self._classes: dict[int, _Class] = {}

    def short(self, rows: int) -> bool:
        """Whether a run of so many rows should happen in the event loop."""
        found = self._classes.get((rows - 1).bit_length())
        return found is not None and found.short

    def note(self, rows: int, seconds: float) -> None:
        """Records how long a run of `rows` rows took, wherever it ran."""
        key = (rows - 1).bit_length()
        found = self._classes.get(key)
        if found is None:
            found = self._classes[key] = _Class()
        if found.short and seconds > SURPRISE_S:
            found.short = False
            found.needed = min(2 * found.needed, _MOST_WINDOWS)
            found.windows = found.clean = 0
            found.seconds.clear()
            return
        found.seconds.append(seconds)
        if len(found.seconds) >= _WINDOW:
            _decide(found)


def _decide(found: _Class) -> None:
    median = sorted(found.seconds)[_WINDOW // 2]
    found.seconds.clear()
    if found.short:
        found.short = median <= LONG_S
        found.clean += 1
        if found.clean >= _MOST_WINDOWS:
            found.needed = 1
    elif median < SHORT_S:
        found.windows += 1
        if found.windows >= found.needed:
            found.short, found.windows, found.clean = True, 0, 0
    else:
        found.windows = 0
