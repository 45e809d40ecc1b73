"""The same platform on PostgreSQL, by one URL."""

import os
from pathlib import Path

import numpy as np

from bms.app.exit_codes import ExitCode
from bms.app.home.database import FILE
from bms.sdk.deployments import Target
from tests.sizes import ALL
from tests.worlds.databases import database_url
from tests.worlds.whole_platform import WholePlatform, deploy, new_key, push, until


async def test_a_platform_on_postgresql_serves_meters_and_survives_control(tmp_path: Path) -> None:
    async with database_url("postgresql", tmp_path) as url:
        platform = WholePlatform(tmp_path)
        started = platform.bms("up", "--port", "0", "--detach", BMS_DATABASE_URL=url, TMPDIR=str(platform.temporary))
        assert started.status == 0, started.errors
        try:
            _use(platform)
        finally:
            platform.down()
        assert not (platform.home / "bms.db").exists()
        _starts_with_its_own_database_alone(platform, tmp_path)


def _starts_with_its_own_database_alone(platform: WholePlatform, tmp_path: Path) -> None:
    key = platform.key
    another = f"sqlite:///{tmp_path / 'another.db'}"
    refused = platform.bms("up", "--port", "0", "--detach", BMS_DATABASE_URL=another, TMPDIR=str(platform.temporary))
    assert (refused.status, platform.key) == (ExitCode.CONFLICT, key)
    assert "another.db is empty, but this home was in use with the database postgresql://" in refused.errors
    assert "ended" not in refused.errors.splitlines()[-1]
    if ALL:  # else: `test_home_database.py` and `test_opening.py`, without processes
        _refuses_one_that_is_missing_or_anothers(platform, tmp_path)
    started = platform.up()  # nobody says which
    assert started.status == 0, started.errors
    try:
        with platform.client() as client:
            assert client.system.status().database.startswith("postgresql")
            assert [one.name for one in client.deployments.list()] == ["digits"]
    finally:
        platform.down()


def _refuses_one_that_is_missing_or_anothers(platform: WholePlatform, tmp_path: Path) -> None:
    missing = (platform.home / FILE).read_text().strip().replace("/test_", "/no_such_")
    refused = platform.bms("up", "--port", "0", "--detach", BMS_DATABASE_URL=missing, TMPDIR=str(platform.temporary))
    assert refused.status == ExitCode.CONFLICT
    assert refused.errors.splitlines()[-1].startswith("bms: the database postgresql:///no_such_")
    assert refused.errors.splitlines()[-1].endswith("does not exist")
    stranger = WholePlatform(_made(tmp_path / "stranger"))
    url = (platform.home / FILE).read_text().strip()
    refused = stranger.bms("up", "--port", "0", "--detach", BMS_DATABASE_URL=url, TMPDIR=str(stranger.temporary))
    assert refused.status == ExitCode.CONFLICT
    assert "is in use with another platform (platform_" in refused.errors.splitlines()[-1]
    assert not stranger.left()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _use(platform: WholePlatform) -> None:
    rows = np.zeros((3, 64), np.float32)
    with platform.client() as client:
        assert client.system.status().database.startswith("postgresql")
        deploy(client, "digits", "digits", Target(version=push(client, "digits").number))
        key = new_key(platform)
        with type(client)(platform.url, key.text) as app:
            before = app.predict("digits", rows).outputs["probabilities"]
            os.kill(platform.pid("control"), 9)
            after = app.predict("digits", rows).outputs["probabilities"]
        np.testing.assert_array_equal(before, after)
        until(lambda: [row.requests for row in client.usage.summary(key=key.key.id)] == [2], "both are in the books")
