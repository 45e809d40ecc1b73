"""How long rows are kept: the operator's choice, told to `bms up` and acted on by `control.retention`."""

import msgspec

from bms.core.errors import InvalidArgument

DAY_S = 86_400.0
JOBS_S, EVENTS_S = 90 * DAY_S, 400 * DAY_S
SHORTEST_S = 3 * DAY_S  # what a lost event left is looked for among the rows of two days


class RetentionPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How long rows are kept that nothing needs any more, in seconds; None: for ever. Jobs from their end on, with
    their logs and outputs; events, which are the audit, once everything that follows from them was done."""

    jobs_s: float | None = JOBS_S
    events_s: float | None = EVENTS_S

    def __post_init__(self) -> None:
        for option, seconds in (("--keep-jobs", self.jobs_s), ("--keep-events", self.events_s)):
            if seconds is not None and not seconds >= SHORTEST_S:
                raise InvalidArgument(
                    f"{option} is {seconds / DAY_S:g} days, expected at least 3: write for example 90d, or forever"
                )
