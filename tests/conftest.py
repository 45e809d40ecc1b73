"""Fixtures that many tests share."""

import functools
import os
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import certifi
import hypothesis
import pytest

from bms.adapters.sql.engine import Database
from bms.core.clock import ManualClock
from tests.databases import database as open_database
from tests.sizes import enough

pytest_plugins = ["tests.cpu_log"]
hypothesis.settings.register_profile("ours", deadline=None, max_examples=enough(30, 100))
hypothesis.settings.load_profile("ours")

# The folders whose tests say what of core, control, serving and protocols is covered.
MEASURED = (
    *("unit/core", "unit/control", "unit/serving", "unit/protocols"),
    *("contract/sql", "contract/objects", "integration/api", "integration/training"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Following every line doubles what a test costs: that is done where plain examples are tried."""
    measured = tuple(f"tests/{name}/" for name in MEASURED)
    for item in items:
        tries_many = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        if tries_many or not item.nodeid.startswith(measured):
            item.add_marker(pytest.mark.no_cover)


_default_context = ssl.create_default_context
_public_context = functools.cache(lambda file: _default_context(cafile=file))


def _context(*arguments: Any, **options: Any) -> ssl.SSLContext:
    """Reading the public authorities takes 25 ms, and every client of httpx does it: one context is enough for all."""
    public = os.environ.get("SSL_CERT_FILE") or certifi.where()
    if not arguments and options == {"cafile": public}:
        return _public_context(public)
    return _default_context(*arguments, **options)


ssl.create_default_context = _context


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
