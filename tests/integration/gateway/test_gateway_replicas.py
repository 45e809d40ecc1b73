"""Replicas that die, drain, move and come back under requests."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.peers.frames_server import RunningServer
from tests.worlds.gateways import FakeBus, Scene, deployment, gateway, key, scene, version

BODY = {"instances": [[1, 2, 3, 4]]}
ROOT = Path(__file__).parents[3]


def server_process(path: Path, delay_s: float = 0.0) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.peers.frames_server", str(path), str(delay_s)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


async def test_a_killed_replica_costs_no_request_while_another_lives(tmp_path: Path) -> None:
    text, entry = key()
    servers = [server_process(tmp_path / f"{n}.sock", 0.01) for n in range(2)]
    try:
        entries = (entry, deployment(version(1, *(str(tmp_path / f"{n}.sock") for n in range(2)))))
        async with FakeBus(str(tmp_path / "bus.sock"), entries) as bus, gateway(tmp_path, bus) as process:
            at = Scene(process, bus, None, text)  # type: ignore[arg-type]
            statuses: list[int] = []
            done = asyncio.Event()

            async def ask() -> None:
                async with at.client() as http:
                    while not done.is_set():
                        statuses.append((await http.post("/v1/models/m:predict", json=BODY)).status_code)

            async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
                for _ in range(8):
                    tasks.create_task(ask())
                while len(statuses) < 200:
                    await asyncio.sleep(0.01)
                os.kill(servers[0].pid, signal.SIGKILL)
                killed_at = len(statuses)
                while len(statuses) < killed_at + 300:
                    await asyncio.sleep(0.01)
                done.set()
            assert set(statuses) == {200}
            assert bus.down == [f"rep_{tmp_path}/0.sock"]
            await bus.until(lambda: len(bus.books) == len(statuses))
    finally:
        for server in servers:
            server.kill()
            server.wait()


async def test_a_replica_that_dies_of_a_request_is_asked_once_and_the_other_answers(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, RunningServer(str(tmp_path / "b.sock")) as other, at.client() as http:
        at.server.mode = "hold"
        await at.bus.put(deployment(version(1, at.server.path, other.path)))
        asking = [asyncio.create_task(http.post("/v1/models/m:predict", json=BODY)) for _ in range(4)]
        async with asyncio.timeout(10):
            while not at.server.seen or not other.seen:
                await asyncio.sleep(0.01)
        at.server.server.close()
        at.server.drop()
        answers = await asyncio.wait_for(asyncio.gather(*asking), 10)
        assert [answer.status_code for answer in answers] == [200] * 4
        await at.bus.until(lambda: len(at.bus.books) == 4)


async def test_a_draining_replica_hands_its_requests_to_another(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, RunningServer(str(tmp_path / "b.sock")) as other, at.client() as http:
        at.server.mode = "leave"
        await at.bus.put(deployment(version(1, at.server.path, other.path)))
        answers = [await http.post("/v1/models/m:predict", json=BODY) for _ in range(20)]
        assert {answer.status_code for answer in answers} == {200}
        assert at.server.seen
        await at.bus.until(lambda: len(at.bus.books) == 20)


async def test_without_another_replica_the_loss_is_told_and_not_to_be_repeated(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        at.server.mode = "hold"
        asking = asyncio.create_task(http.post("/v1/models/m:predict", json=BODY))
        async with asyncio.timeout(10):
            while not at.server.seen:
                await asyncio.sleep(0.01)
        at.server.drop()
        answer = await asking
        assert (answer.status_code, answer.headers["x-should-retry"]) == (500, "false")
        assert "retry-after" not in answer.headers
        assert "died while it had this request" in answer.json()["error"]
        assert "`bms logs m` says why" in answer.json()["error"]
        at.server.mode = "answer"
        async with asyncio.timeout(10):
            while (await http.post("/v1/models/m:predict", json=BODY)).status_code != 200:
                await asyncio.sleep(0.02)


async def test_a_replica_that_is_not_there_yet_is_used_once_it_is(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        await at.bus.put(deployment(version(1, str(tmp_path / "later.sock"))))
        assert (await http.post("/v1/models/m:predict", json=BODY)).status_code == 503
        async with RunningServer(str(tmp_path / "later.sock")), asyncio.timeout(10):
            while (await http.post("/v1/models/m:predict", json=BODY)).status_code != 200:
                await asyncio.sleep(0.02)


async def test_many_switches_between_two_versions_fail_no_request(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, RunningServer(str(tmp_path / "b.sock")) as other:
        at.server.delay_s = other.delay_s = 0.002
        done = asyncio.Event()
        seen: list[int] = []

        async def ask() -> None:
            async with at.client() as http:
                while not done.is_set():
                    seen.append((await http.post("/v1/models/m:predict", json=BODY)).status_code)

        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            for _ in range(4):
                tasks.create_task(ask())
            for turn in range(50):
                number, path = (2, other.path) if turn % 2 == 0 else (1, at.server.path)
                await at.bus.put(deployment(version(number, path)))
                had = len(seen)
                while len(seen) < had + 4:
                    await asyncio.sleep(0.001)
            done.set()
        assert set(seen) == {200}
        assert len(seen) >= 200


async def test_a_removed_deployment_is_gone_with_the_next_request(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        await at.bus.put(deletes=(("deployment", "dep_acme_m"),))
        assert (await http.post("/v1/models/m:predict", json=BODY)).status_code == 404
        async with asyncio.timeout(5):
            while at.server.connections and not at.server.connections[0].transport.is_closing():  # type: ignore[attr-defined]
                await asyncio.sleep(0.01)
