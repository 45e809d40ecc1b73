"""Fixtures that many tests share."""

import functools
import os
import ssl
import sys
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import certifi
import hypothesis
import pytest

from bms.adapters.sql.engine import Database
from bms.core.clock import ManualClock
from tests.databases import database as open_database
from tests.platforms import RealPlatform
from tests.sizes import enough
from tests.tenants import TenantsPlatform
from tests.whole_platform import WholePlatform, whole_platform

pytest_plugins = ["tests.cpu_log"]
hypothesis.settings.register_profile("ours", deadline=None, max_examples=enough(30, 100))
hypothesis.settings.load_profile("ours")


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Following every line doubles what a test costs, or more: not where many examples are tried, nor where a test says
    so, nor for the second database, which the same lines ask. (`pytest-cov` would stop, but in workers of xdist it has
    begun twice, and stops once.)"""
    tries_many = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
    parameters = (
        item.callspec.params.values() if isinstance(item, pytest.Function) and hasattr(item, "callspec") else ()
    )
    again = any(isinstance(one, str) and one == "postgresql" for one in parameters)
    if not (tries_many or again or item.get_closest_marker("no_cover")):
        return (yield)
    following = sys.gettrace()
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(following)


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


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholePlatform]:
    """One platform of each worker's, with two gateways, for files that need no more of it than a tenant sees. What it
    uses is booked on it, not on the test that was the first to ask for it."""
    with ExitStack() as running:
        with pytest.MonkeyPatch.context() as named:
            named.setenv("PYTEST_CURRENT_TEST", "the platform that files share::host (setup)")
            platform = running.enter_context(whole_platform(tmp_path_factory.mktemp("host"), "--gateways", "2"))
        yield platform


@pytest.fixture(scope="module")
def tenant(host: WholePlatform, request: pytest.FixtureRequest) -> Iterator[RealPlatform]:
    """The test file's own tenant; what it made goes with it."""
    name = request.module.__name__.rpartition(".")[2].replace("_", "-")
    with host.client() as operator:
        made = operator.tenants.create(name)
    yield TenantsPlatform(host, made.key.text)
    with host.client() as operator:
        operator.tenants.delete(name, force=True)
