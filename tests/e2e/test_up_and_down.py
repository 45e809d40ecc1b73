"""A platform's start and end: quick, alone on its home, open to this machine only, and gone without a trace."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bms.sdk.deployments import Target
from tests.peers.load import Load
from tests.worlds.homes import prepare
from tests.worlds.platforms import bms
from tests.worlds.whole_platform import WholePlatform, deploy, new_key, push, until, whole_platform

ALREADY_RUNNING, NEWER_SCHEMA, PORT_IN_USE, UNAVAILABLE = 7, 8, 9, 6
NOBODY = ("ConnectionRefusedError", "ConnectionResetError", "BrokenPipeError")  # what there is to hear when it is gone
READY = re.compile(r"BMS is ready at (http://127\.0\.0\.1:\d+) \((\d+\.\d) s\)")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholePlatform]:
    with whole_platform(tmp_path_factory.mktemp("up"), "--gateways", "2") as running:
        with running.client() as client:
            push(client, "digits")
            deploy(client, "digits", "digits", Target(version=1))
        yield running


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[WholePlatform]:
    """One that a test starts and stops itself; a test that fails in between leaves nothing running either."""
    made = WholePlatform(tmp_path)
    yield made
    if made.home.exists():
        made.bms("down")


def ready(platform: WholePlatform) -> bool:
    try:
        return httpx.get(f"{platform.url}/v2/health/ready", timeout=5, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def starts(platform: WholePlatform) -> None:
    """It does, soon."""
    started = platform.up()
    assert started.status == 0, started.errors
    told = READY.search(started.out)
    assert told is not None, started.out
    assert told[1] == platform.url
    assert float(told[2]) <= 10
    assert ready(platform)


def test_requests_in_progress_are_answered_and_billed_before_it_ends_and_model_servers_come_back_with_it(
    fresh: WholePlatform,
) -> None:
    """On a new home, ready soon; then on one that is known."""
    starts(fresh)
    with fresh.client() as client:
        push(client, "digits")
        deploy(client, "digits", "digits", Target(version=1), replicas=2)
    assert sum("bms.app.model_server" in command for command in fresh.processes().values()) == 2
    key = new_key(fresh)
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 64], "data": [0.5] * 64}
    body = httpx.Request("POST", "http://x", json={"inputs": [tensor]}).content
    with Load(fresh.url, key.text, "/v2/models/digits/infer", body, connections=4) as felt:
        felt.wait_more(40)
        asked = time.monotonic()
        fresh.down()
    assert [answer for answer in felt.failures if answer.sent < asked] == []
    half = [one for one in felt.failures if one.words.partition(":")[0] not in NOBODY and "0 bytes" not in one.words]
    assert half == []
    answered = len(felt.answers) - len(felt.failures)
    starts(fresh)
    with fresh.client() as client:

        def serving() -> int:
            return [one.state for one in client.deployments.status("digits").replicas].count("ready")

        assert sum(row.ok for row in client.usage.summary(key=key.key.id)) == answered
        until(lambda: serving() == 2, "both serve again", 30)
        assert client.predict("digits", [[0.5] * 64]).version == 1
    fresh.down()
    assert sorted(path.name for path in (fresh.home / "journal" / "0").iterdir()) == ["snapshot"]
    again = fresh.bms("down")
    assert (again.status, again.out) == (0, f"nothing ran on {fresh.home}\n")
    status = fresh.bms("status")
    assert status.status == UNAVAILABLE
    assert f"nothing runs on {fresh.home}" in status.errors


def test_the_first_starts_admin_key_is_private_and_opens_everything(platform: WholePlatform) -> None:
    path = platform.home / "admin.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_uid == os.getuid()
    assert len(path.read_text().splitlines()) == 1
    with platform.client() as client:
        who = client.tenants.whoami()
        assert (who.tenant, who.role, who.scopes) == ("default", "owner", frozenset())
    answer = httpx.get(
        f"{platform.url}/api/v1/whoami", headers={"authorization": f"Bearer {platform.key}"}, trust_env=False
    )
    assert answer.status_code == 200
    for content in (path.read_text().strip().rpartition(".")[2],):
        for log in (platform.home / "logs").rglob("*.log*"):
            assert content not in log.read_text()


def test_a_second_one_on_the_same_home_is_refused_and_disturbs_nothing(platform: WholePlatform) -> None:
    before = platform.processes().keys()
    for more in (("--detach",), ()):
        refused = bms("up", "--home", str(platform.home), "--port", "0", *more)
        assert refused.status == ALREADY_RUNNING, refused.errors
        assert f"a server already runs on {platform.home}" in refused.errors + refused.out
        assert "--home" in refused.errors + refused.out
    assert platform.processes().keys() == before
    assert ready(platform)


def test_a_port_in_use_is_refused_and_nothing_is_left(fresh: WholePlatform) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for more in (("--detach",), ()):
            refused = bms("up", "--home", str(fresh.home), "--port", str(port), *more)
            assert refused.status == PORT_IN_USE
            assert f"port {port} on 127.0.0.1 is in use" in refused.errors
            assert "--port" in refused.errors
    assert fresh.left() == []


OTHERS = [pytest.param(number, marks=pytest.mark.long) for number in (signal.SIGTERM, signal.SIGHUP)]


@pytest.mark.parametrize("number", [signal.SIGINT, *OTHERS])
def test_one_in_the_foreground_ends_with_its_terminal_and_leaves_nothing(
    fresh: WholePlatform, number: signal.Signals
) -> None:
    prepare(fresh.home)
    process = subprocess.Popen(
        [sys.executable, "-m", "bms.cli.main", "up", "--home", str(fresh.home), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(fresh.temporary)},
        start_new_session=True,  # a terminal's foreground group, which Ctrl-C goes to
    )
    try:
        assert process.stdout is not None
        assert READY.match(process.stdout.readline())
        fresh.port = int(fresh.url.rpartition(":")[2])
        with fresh.client() as client:
            push(client, "digits")
            deploy(client, "digits", "digits", Target(version=1))
        os.killpg(process.pid, number)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    left = fresh.left()
    assert not left, left


@pytest.mark.long  # a supervisor without anything to serve: `test_supervisor.py`
def test_a_home_of_a_newer_version_is_refused_untouched(fresh: WholePlatform) -> None:
    fresh.home.mkdir()
    (fresh.home / "version").write_text("99\n")
    for more in (("--detach",), ()):
        refused = bms("up", "--home", str(fresh.home), "--port", "0", *more)
        assert refused.status == NEWER_SCHEMA
        assert f"{fresh.home} was made by a newer BMS" in refused.errors
    assert [path.name for path in fresh.home.iterdir()] == ["version"]
    assert (fresh.home / "version").read_text() == "99\n"
    assert fresh.left() == []


@pytest.mark.long  # a supervisor without anything to serve: `test_supervisor.py`
def test_a_database_of_a_newer_version_is_refused_with_the_reason(fresh: WholePlatform) -> None:
    assert fresh.up().status == 0
    fresh.down()
    with sqlite3.connect(fresh.home / "bms.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    refused = fresh.up()
    assert refused.status == NEWER_SCHEMA, refused.errors
    assert "newer" in refused.errors
    left = fresh.left()
    assert not left, left


def test_each_gateway_serves_alone_when_the_other_stands_still(platform: WholePlatform) -> None:
    key = new_key(platform)
    headers = {"authorization": f"Bearer {key.text}"}
    body = {"instances": [[0.5] * 64]}
    answers = []
    for still in ("gateway-0", "gateway-1"):
        os.kill(platform.pid(still), signal.SIGSTOP)
        try:
            for _ in range(5):
                answer = httpx.post(
                    f"{platform.url}/v1/models/digits:predict", json=body, headers=headers, timeout=10, trust_env=False
                )
                assert answer.status_code == 200
                answers.append(answer.content)
        finally:
            os.kill(platform.pid(still), signal.SIGCONT)
    assert len(answers) == 10
    assert len(set(answers)) == 1
    with platform.client() as client:
        until(
            lambda: sum(row.requests for row in client.usage.summary(key=key.key.id)) == 10,
            "both gateways' requests are billed",
        )
        served = {view.slot for view in client.system.status().gateways}
        sources = {event.source for event in client.usage.events(key=key.key.id)}
    assert served == {0, 1}
    assert len(sources) == 2


def test_nothing_of_it_is_open_but_one_port_of_this_machine_alone(platform: WholePlatform) -> None:
    pids = platform.processes()
    assert any("bms.app.model_server" in command for command in pids.values())
    listening = {address for pid in pids for address in listened_on(pid)}
    assert listening == {f"127.0.0.1:{platform.port}"}


def listened_on(pid: int) -> Iterator[str]:
    """Addresses of the TCP sockets that a process listens on, by proc(5)."""
    held = {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in held:
                address, _, port = fields[1].partition(":")
                host = ".".join(str(byte) for byte in reversed(bytes.fromhex(address))) if name == "tcp" else address
                yield f"{host}:{int(port, 16)}"


def test_another_host_is_refused_when_it_is_none_of_this_machine(fresh: WholePlatform) -> None:
    refused = bms("up", "--home", str(fresh.home), "--host", "192.0.2.1", "--port", "0", "--detach")
    assert refused.status == PORT_IN_USE
    assert "192.0.2.1" in refused.errors
    assert fresh.left() == []
