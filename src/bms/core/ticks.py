"""Moments that periodic looks have in common, so that what several parts of a process look at wakes it once. Pure."""


def until_tick(now: float, every_s: float) -> float:
    """Seconds until the next whole multiple of `every_s`, where that is at least half of it away, else the one after.

    `now` is the event loop's time, which counts in milliseconds: timers that are set for one moment go off together.
    """
    left = every_s - now % every_s
    return left if left >= every_s / 2 else left + every_s
