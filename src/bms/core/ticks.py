"""Common moments for periodic work, so that several parts of a process wake it together. Pure."""


def until_tick(now: float, every_s: float) -> float:
    """Returns the seconds until the next whole multiple of `every_s`, where that is at least half of it away, else the
    one after.

    `now` is the event loop's time, which counts in milliseconds: timers that are set for one moment go off together.
    """
    left = every_s - now % every_s
    return left if left >= every_s / 2 else left + every_s
