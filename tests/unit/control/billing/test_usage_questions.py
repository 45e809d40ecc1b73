"""What may be asked of the books."""

from datetime import UTC, datetime

import pytest

from bms.control.billing.nouns import UsageFilter, dimensions
from bms.core.errors import InvalidArgument


def test_dimensions_come_in_one_order_and_once() -> None:
    assert dimensions("") == ()
    assert dimensions("version, key,key") == ("key", "version")
    with pytest.raises(InvalidArgument, match="colour"):
        dimensions("key,colour")


def test_times_need_a_zone_and_a_direction() -> None:
    with pytest.raises(InvalidArgument, match="zone"):
        UsageFilter(start=datetime(2026, 1, 1))
    with pytest.raises(InvalidArgument, match="negative"):
        UsageFilter(start=datetime(2026, 1, 2, tzinfo=UTC), end=datetime(2026, 1, 1, tzinfo=UTC))
