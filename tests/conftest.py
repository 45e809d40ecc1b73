"""Fixtures that many tests share."""

import contextlib
import functools
import gc
import os
import ssl
import sys
import threading
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import certifi
import hypothesis
import pytest

from bms.adapters.sql.database.engine import Database
from bms.core.clock import ManualClock
from tests.sizes import enough
from tests.worlds.databases import database as open_database
from tests.worlds.platforms import RealPlatform
from tests.worlds.tenants import CANARY, TenantsPlatform
from tests.worlds.whole_platform import WholePlatform, whole_platform

pytest_plugins = ["tests.cpu_log"]
hypothesis.settings.register_profile("ours", deadline=None, max_examples=enough(30, 100))
hypothesis.settings.load_profile("ours")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported and found stays until the end: nobody looks for garbage in it, neither while it is made nor,
    again and again, while tests run."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Following every line doubles what a test costs, or more: not where many examples are tried, nor for the second
    database, which the same lines ask. (`no_cover`, by which a test says so itself, is `pytest-cov`'s.)"""
    tries_many = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
    parameters = (
        item.callspec.params.values() if isinstance(item, pytest.Function) and hasattr(item, "callspec") else ()
    )
    again = any(isinstance(one, str) and one == "postgresql" for one in parameters)
    with _unfollowed() if tries_many or again else contextlib.nullcontext():
        return (yield)


@contextlib.contextmanager
def _unfollowed() -> Iterator[None]:
    """No line that runs in here counts as covered, in this thread or in one that begins."""
    here, in_threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)  # type: ignore[arg-type]
    try:
        yield
    finally:
        if sys.gettrace() is None:  # else `pytest-cov` has begun anew, after a test marked `no_cover`
            sys.settrace(here)
            threading.settrace(in_threads)  # type: ignore[arg-type]


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
    """One platform of each worker's, with two gateways, for files that need no more of it than a tenant sees. It was
    started from an environment with a secret, of which nothing that it runs may hear. What it uses is booked on it, not
    on the test that was the first to ask for it."""
    with ExitStack() as running:
        with pytest.MonkeyPatch.context() as named:
            named.setenv("PYTEST_CURRENT_TEST", "the platform that files share::host (setup)")
            named.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
            named.setenv("PIP_CANARY", CANARY)
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
