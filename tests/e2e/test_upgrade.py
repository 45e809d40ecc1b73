"""A home of an earlier release is opened by this one: it serves, its keys work, and its books go on where they were."""

import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bms.sdk import Client
from bms.sdk.errors import PermissionDenied
from tests.worlds.homes import prepare
from tests.worlds.whole_platform import DATA, WholePlatform, until

HOMES = sorted((DATA / "homes").glob("*.tar.gz"))
APP_KEY = "bmsk_01m8q2hd2frjw098vjw4g2sb16.oyJDeaOrkOg3_3eWzAiMUhoez94EfNVzf4NKh9sMA90"
BILLED = (3, 3, 0, 6, 1947, 993, 503697)  # as its own `bms usage` said: requests, ok, errors, rows, bytes, compute


@pytest.fixture(params=HOMES, ids=lambda path: path.name.partition(".")[0])
def upgraded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WholePlatform]:
    platform = WholePlatform(tmp_path)
    with tarfile.open(request.param) as archive:
        archive.extractall(platform.home, filter="data")
    prepare(platform.home)
    started = platform.up()
    assert started.status == 0, started.errors
    try:
        yield platform
    finally:
        platform.down()


def billed(client: Client) -> tuple[int, ...]:
    (row,) = client.usage.summary()
    return row.requests, row.ok, row.errors, row.rows, row.bytes_in, row.bytes_out, row.compute_ns


def test_an_earlier_releases_home_serves_and_its_books_go_on(upgraded: WholePlatform) -> None:
    with np.load(DATA / "digits.npz") as data:
        pixels, labels = data["x"][:64], data["y"][:64]
    with upgraded.client() as client:
        assert billed(client) == BILLED
        client.deployments.wait_ready("digits", timeout_s=120)
        answer = client.predict("digits", pixels)
        assert answer.version == 1
        right = np.mean(np.argmax(answer.outputs["probabilities"], axis=1) == labels)
        assert right > 0.9
        until(lambda: billed(client)[:4] == (4, 4, 0, 70), "the call is billed beside the earlier ones")
        assert [(each.number, each.state) for each in client.datasets.versions("digits")] == [(1, "ready")]
        assert client.models.alias("digits", "production").version == 1
        assert [each.name for each in client.keys.list()].count("app") == 1
    with Client(upgraded.url, APP_KEY) as app:
        assert app.predict("digits", pixels[:1]).version == 1
        with pytest.raises(PermissionDenied):
            next(iter(app.models.list()))
    with upgraded.client() as client:
        until(lambda: billed(client)[:4] == (5, 5, 0, 71), "so is the key's")
    upgraded.down()
    assert upgraded.up().status == 0
    with upgraded.client() as client:
        assert billed(client)[:4] == (5, 5, 0, 71), "and are not booked a second time"
