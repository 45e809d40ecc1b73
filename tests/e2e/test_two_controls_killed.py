"""Two whole controls on one store, one of them killed again and again: both do work, and none does anything twice.

Each has a gateway of its own; what runs, a node agent runs for both.
"""

import asyncio
import contextlib
import os
import random
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.tables.events import leases
from bms.app.home.database import remembered
from bms.sdk import Client
from bms.sdk.deployments import Target
from bms.sdk.retries import RetryPolicy
from tests.e2e.test_kills import NAME, answers, billed, body, healed
from tests.peers.load import Load
from tests.sizes import enough
from tests.worlds.databases import database_url
from tests.worlds.homes import prepare
from tests.worlds.node_agents import NodeAgent, node_agent
from tests.worlds.second_control import SecondControl, second_control
from tests.worlds.whole_platform import WholePlatform, deploy, mirrored, new_key, push, until

pytestmark = pytest.mark.timeout(400)
KILLS = enough(2, 30)  # of each half as many
PATIENT = RetryPolicy(attempts=30, longest_wait_s=1.0, share=10.0, reserve=1000.0)
TRAINING = """
import time

def main(job):
    with open("begun", "a") as file:
        file.write("once ")
    time.sleep(0.5)
    job.metric("begun", len(open("begun").read().split()))
"""


@pytest.fixture
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeAgent]:
    folder = tmp_path_factory.mktemp("node")
    with node_agent(folder, folder / "nothing", listen=False) as running:
        yield running


# On a SQLite file in `make test-all`; without processes, `integration/deployments/test_two_controls.py` asks it the
# same.
@pytest.fixture(params=[pytest.param("sqlite", marks=pytest.mark.long), "postgresql"])
def platform(request: pytest.FixtureRequest, tmp_path: Path, agent: NodeAgent) -> Iterator[WholePlatform]:
    """On a database of its own kind."""
    with asyncio.Runner() as runner:
        platform = WholePlatform(tmp_path, *agent.options)
        prepare(platform.home)
        database = database_url("postgresql", tmp_path)
        given = {}
        if request.param == "postgresql":
            (platform.home / "bms.db").unlink()
            given["BMS_DATABASE_URL"] = runner.run(database.__aenter__())
        options = ("--port", "0", "--detach", *agent.options)
        started = platform.bms("up", *options, TMPDIR=str(platform.temporary), **given)
        assert started.status == 0, started.errors
        try:
            yield platform
        finally:
            platform.down()
            if given:
                runner.run(database.__aexit__(None, None, None))


@pytest.fixture
def second(platform: WholePlatform) -> Iterator[SecondControl]:
    with second_control(platform) as running:
        yield running


class Killer(threading.Thread):
    """kill -9 of one control after another, in an order by chance, each when both are well again; one is held up."""

    def __init__(self, platform: WholePlatform, second: SecondControl, seed: int) -> None:
        super().__init__(name="killer")
        self._platform = platform
        self._second = second
        self._random = random.Random(seed)
        self.held = threading.Event()  # while the first one is
        self.killed: Counter[str] = Counter()
        self.led: set[str] = set()  # who led something when it was looked
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            whom = [self._kill_first, self._kill_second] * (KILLS // 2)
            self._random.shuffle(whom)
            for kill in [*whom[: KILLS // 2], self._hold_first, *whom[KILLS // 2 :]]:
                time.sleep(self._random.uniform(0.3, 2.0))
                self._note_leaders()
                kill()
        except BaseException as error:  # noqa: BLE001 - told by `done` in the test's own thread
            error.add_note(self._second.logs)
            self.error = error

    def done(self) -> bool:
        if self.error is not None:
            raise self.error
        return not self.is_alive()

    def _hold_first(self) -> None:
        """Its leases run out, and it goes on in the middle of what it did; a killed one is back before that."""
        pid = self._platform.pid("control")
        self.held.set()
        os.kill(pid, signal.SIGSTOP)
        try:
            while _locked(self._platform.home / "bms.db"):  # a SQLite file is nobody else's until it goes on
                os.kill(pid, signal.SIGCONT)
                time.sleep(0.01)
                os.kill(pid, signal.SIGSTOP)
            until(lambda: "second" in self._leaders(), "the other one leads")
            time.sleep(1.0)
        finally:
            os.kill(pid, signal.SIGCONT)
        until(lambda: answers(self._platform), "the first control answers")
        self.held.clear()

    def _kill_first(self) -> None:
        before = self._platform.pid("control")
        self._platform.kill(before)
        self.killed["first"] += 1
        healed(self._platform, "control", before)
        until(lambda: answers(self._platform), "the first control answers")

    def _kill_second(self) -> None:
        self._second.kill()
        self.killed["second"] += 1
        self._second.start_control()
        self._second.wait()

    def _note_leaders(self) -> None:
        self.led.update(self._leaders())

    def _leaders(self) -> set[str]:
        holders = asyncio.run(_holders(self._platform.home))
        return {"second" if holder.endswith(":second") else "first" for holder in holders}


def _locked(file: Path) -> bool:
    """Whether a process is in the middle of writing."""
    if not file.exists():
        return False
    with contextlib.closing(sqlite3.connect(file, timeout=0.2)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        connection.execute("ROLLBACK")
        return False


async def _holders(home: Path) -> list[str]:
    database = Database(remembered(home) or f"sqlite:///{home}/bms.db")
    try:
        async with database.reading() as connection:
            return list((await connection.execute(select(leases.c.holder))).scalars())
    finally:
        await database.close()


def test_both_do_work_and_none_does_it_twice(
    platform: WholePlatform, second: SecondControl, agent: NodeAgent, tmp_path: Path
) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text(TRAINING)
    with Client(platform.url, platform.key, retries=PATIENT) as one, second.client(PATIENT) as other:
        push(one, NAME)
        push(other, NAME, mirrored(tmp_path))
        one.models.move_alias(NAME, "production", 1)
        deploy(other, NAME, NAME, Target(alias="production"), replicas=2, keep_previous_s=2.0)
        key = new_key(platform)
        path = f"/v2/models/{NAME}/infer"
        killer = Killer(platform, second, seed=len(platform.key))
        jobs: list[str] = []
        moves = 0
        with (
            Load(platform.url, key.text, path, body(), connections=2, per_second=15) as first_load,
            Load(second.url, key.text, path, body(), connections=2, per_second=15) as second_load,
        ):
            first_load.wait_more(20)
            second_load.wait_more(20)
            killer.start()
            while not killer.done() or moves < 3:
                by = other if killer.held.is_set() else (one, other)[moves % 2]
                if _serves(by, 1 + moves % 2):
                    moves += 1
                    by.models.move_alias(NAME, "production", 1 + moves % 2)
                if len(jobs) < 4:
                    jobs.append(by.jobs.train(code=tmp_path / "code", entry="train.py", max_attempts=3).id)
                time.sleep(0.5)
            killer.join()
            for job in jobs:
                other.jobs.wait(job, timeout_s=60)
            last = 1 + moves % 2
            for client in (one, other):
                until(lambda client=client: _serves(client, last), "the last alias is served", 60)  # type: ignore[misc]
            first_load.wait_more(20)
            second_load.wait_more(20)

        assert set(killer.killed) == {"first", "second"}
        assert killer.led == {"first", "second"}, "both have led"
        for felt in (first_load, second_load):
            assert felt.failures == []
            assert {answer.version for answer in felt.answers} == {1, 2}

        said = {"job.started": Counter[str](), "job.ended": Counter[str](), "version.ready": Counter[str]()}
        for entry in one.audit.list():
            if entry.name in said:
                said[entry.name][entry.subject] += 1
        assert set(jobs) <= set(said["job.ended"])
        assert set(said["job.ended"].values()) == {1}, "every job ends once"
        assert list(said["version.ready"].values()) == [1, 1]
        for job in jobs:
            done = other.jobs.get(job)
            assert (done.state, done.attempt, done.metrics["begun"]) == ("succeeded", 1, 1), done
            assert said["job.started"][job] == 1

        asked = len(first_load.answers) + len(second_load.answers)
        until(lambda: billed(one, key) >= asked, "all is billed")
        assert billed(one, key) == billed(other, key) == asked
        until(lambda: len(agent.workloads()) == 2, "nothing else runs", 60)
        for client in (one, other):
            shown = client.deployments.status(NAME).replicas
            assert {replica.id for replica in shown if replica.state == "ready"} == set(agent.workloads())
            assert all(replica.answering and replica.requests for replica in shown if replica.state == "ready")


def _serves(client: Client, version: int) -> bool:
    status = client.deployments.status(NAME)
    return status.state == "serving" and [(part.version, part.weight) for part in status.traffic] == [(version, 100)]
