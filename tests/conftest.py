"""Fixtures that many tests share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bms.adapters.sql.engine import Database
from bms.core.clock import ManualClock
from tests.databases import database as open_database


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """The same test on both databases."""
    async with open_database(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    """One database, where which one does not matter."""
    async with open_database("sqlite", tmp_path) as opened:
        yield opened
