"""A gateway's own life: first start, last good snapshot, drain, bad configuration."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from bms.adapters.snapshots.state_file import load_state, save_state
from bms.core.serving.snapshot import SnapshotState
from tests.peers.frames_server import RunningServer
from tests.worlds.gateways import FakeBus, Scene, deployment, gateway, key, scene, version

BODY = {"instances": [[1, 2, 3, 4]]}


async def test_a_first_gateway_without_control_is_alive_and_not_ready(tmp_path: Path) -> None:
    async with gateway(tmp_path) as process, httpx.AsyncClient(base_url=process.url) as http:
        ready = await http.get("/v2/health/ready")
        assert (ready.status_code, ready.json()) == (503, {"live": True, "ready": False})
        assert (await http.get("/v2/health/live")).status_code == 200
        assert (await http.post("/v1/models/m:predict", json=BODY)).status_code == 401
        text, entry = key()
        async with (
            RunningServer(str(tmp_path / "r.sock")) as server,
            FakeBus(str(tmp_path / "bus.sock"), (entry, deployment(version(1, server.path)))) as bus,
        ):
            await bus.until(lambda: bus.applied)
            assert (await http.get("/v2/health/ready")).status_code == 200
            headers = {"authorization": f"Bearer {text}"}
            assert (await http.post("/v1/models/m:predict", json=BODY, headers=headers)).status_code == 200


async def test_a_restarted_gateway_answers_without_control_by_its_last_snapshot(tmp_path: Path) -> None:
    text, entry = key()
    async with RunningServer(str(tmp_path / "r.sock")) as server:
        bus = FakeBus(str(tmp_path / "bus.sock"), (entry, deployment(version(1, server.path))))
        async with bus, gateway(tmp_path, bus):
            await bus.put(deployment(version(2, server.path)))
        state = load_state(tmp_path / "gateway" / "snapshot")
        assert state is not None
        assert state.revision == bus.revision
        assert (tmp_path / "gateway" / "snapshot").stat().st_mode & 0o077 == 0
        async with gateway(tmp_path) as process, Scene(process, bus, server, text).client() as http:
            assert (await http.get("/v2/health/ready")).status_code == 200
            answer = await http.post("/v1/models/m:predict", json=BODY)
            assert answer.status_code == 200
            assert (await http.get("/v1/models/m")).json()["model_version_status"][0]["version"] == "2"


async def test_a_key_revoked_while_the_gateway_was_down_never_works_again(tmp_path: Path) -> None:
    text, entry = key()
    bus = FakeBus(str(tmp_path / "bus.sock"), (entry, deployment(version(1, str(tmp_path / "r.sock")))))
    async with RunningServer(str(tmp_path / "r.sock")) as server, bus:
        async with gateway(tmp_path, bus):
            pass
        bus.entries.pop(("key", entry.id))
        async with (
            gateway(tmp_path) as process,  # whose first answer waits for control's first word
            Scene(process, bus, server, text).client() as http,
        ):
            assert (await http.post("/v1/models/m:predict", json=BODY)).status_code == 401


async def test_a_damaged_snapshot_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "s"
    assert load_state(path) is None
    state = SnapshotState(revision=3, pepper=b"p", entries=(key()[1],))
    save_state(path, state)
    assert load_state(path) == state
    data = path.read_bytes()
    for damaged in (data[:-1], data[:6], b"", b"nope" * 10, data[:-1] + bytes([data[-1] ^ 1])):
        path.write_bytes(damaged)
        assert load_state(path) is None


async def test_a_terminated_gateway_answers_what_it_has_and_ends_clean(tmp_path: Path) -> None:
    async with scene(tmp_path, delay_s=0.5) as at, at.client() as http, at.client() as idle:
        await idle.get("/v1/models")
        asking = asyncio.create_task(http.post("/v1/models/m:predict", json=BODY))
        async with asyncio.timeout(5):
            while not at.server.seen:
                await asyncio.sleep(0.01)
        os.kill(at.process.process.pid, signal.SIGTERM)
        answer = await asking
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        assert await asyncio.to_thread(at.process.process.wait, 10) == 0
        assert len(at.bus.books) == 1
        assert [path.name for path in (tmp_path / "gateway").iterdir()] == ["snapshot"]


async def test_a_drain_is_bounded(tmp_path: Path) -> None:
    async with scene(tmp_path, drain_s=0.2) as at, at.client() as http:
        at.server.mode = "hold"
        asking = asyncio.create_task(http.post("/v1/models/m:predict", json=BODY))
        async with asyncio.timeout(5):
            while not at.server.seen:
                await asyncio.sleep(0.01)
        os.kill(at.process.process.pid, signal.SIGTERM)
        assert await asyncio.to_thread(at.process.process.wait, 10) == 0
        with pytest.raises(httpx.TransportError):
            await asking


async def test_it_tells_control_how_it_is(tmp_path: Path) -> None:
    async with scene(tmp_path, stats_every_s=0.1) as at, at.client() as http:
        await http.post("/v1/models/m:predict", json=BODY)
        await at.bus.until(lambda: at.bus.stats and at.bus.stats[-1].requests == 1)
        stats = at.bus.stats[-1]
        assert (stats.slot, stats.connections, stats.in_flight) == (0, 1, 0)
        assert "bms_gateway_requests_total" in stats.metrics
        hello = at.bus.hellos[0]
        assert (hello.slot, hello.pid) == (0, at.process.process.pid)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (None, "can't be read"),
        ("{", "is not valid"),
        ('{"slot": 0}', "missing required field"),
        ({"surprise": 1}, "unknown field"),
        ({"listen_fd": 999}, "not an inherited socket"),
    ],
)
def test_a_config_that_cannot_be_used_ends_with_its_reason(tmp_path: Path, config: object, said: str) -> None:
    path = tmp_path / "gateway.json"
    if isinstance(config, str):
        path.write_text(config)
    elif isinstance(config, dict):
        fields = {"slot": 0, "listen_fd": 0, "control_socket": "c", "bus_socket": "b", "directory": str(tmp_path)}
        path.write_text(json.dumps({**fields, **config}))
    ended = subprocess.run([sys.executable, "-m", "bms.app.gateway", str(path)], capture_output=True, timeout=30)
    assert ended.returncode == 2
    assert said in ended.stderr.decode()


def test_a_gateway_imports_neither_control_nor_sql() -> None:
    program = (
        "import sys, bms.app.gateway.main; "
        "print([m for m in sys.modules if m.startswith(('bms.control', 'bms.adapters.sql', 'sqlalchemy', 'starlette',"
        " 'onnxruntime', 'pydantic', 'prometheus_client'))])"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=30, check=True).stdout
    assert out.decode().strip() == "[]"
