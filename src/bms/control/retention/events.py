"""What happens to rows that are not kept for ever."""

from bms.core.events import Payload


class RecordsRemoved(Payload, frozen=True, kw_only=True):
    """Rows that nothing needs any more were removed, older than the operator lets them become; the subject is their
    kind, jobs or events."""

    EVENT = "records.removed"
    count: int
    before: str
