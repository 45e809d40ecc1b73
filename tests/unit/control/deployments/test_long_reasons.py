"""What a process said at its end may be of any length; what is kept of it is not."""

from datetime import UTC, datetime

from bms.control.deployments.nouns import Replica
from bms.control.deployments.planning.actions import MarkFailed
from bms.control.deployments.planning.records import LONGEST_REASON, changed

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_long_reason_keeps_its_cause() -> None:
    replica = Replica(
        id="r", tenant="t", deployment="d", version=1, build="b", state="starting", address="", created_at=NOW
    )
    kept = changed(replica, MarkFailed("r", "no such file: " + "word " * 1000), NOW).reason
    assert kept.startswith("no such file: word")
    assert kept.endswith("word…")
    assert len(kept) <= LONGEST_REASON
