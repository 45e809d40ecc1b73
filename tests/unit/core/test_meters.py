"""The meters are what the documents say, in both languages."""

import re
from pathlib import Path

import pytest

from bms.core.meters import METERS, OF_EVERY_REQUEST
from bms.core.usage import Attempt

DOCS = Path(__file__).parents[3] / "docs"
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)


def test_the_page_lists_every_meter_with_its_unit_and_what_it_counts() -> None:
    assert ROW.findall((DOCS / "usage.md").read_text()) == [tuple(meter) for meter in METERS]


def test_the_chinese_page_lists_the_same_meters_and_units() -> None:
    found = [row[:3] for row in ROW.findall((DOCS / "usage.zh-CN.md").read_text())]
    assert found == [tuple(meter)[:3] for meter in METERS]


@pytest.mark.parametrize("name", OF_EVERY_REQUEST)
def test_what_every_request_has_is_a_meter_and_a_field(name: str) -> None:
    assert name in {meter.name for meter in METERS}
    assert name in Attempt.__struct_fields__
