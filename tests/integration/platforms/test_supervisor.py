"""The supervisor with real processes: stand-ins for control and gateway, so that each test takes a second."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from bms.adapters.clusters.resources import processes
from bms.app.home.directory import Home
from bms.app.settings import UpSettings
from bms.app.supervisor.shutdown import services_of, workloads_of
from bms.app.supervisor.supervisor import RunningServices, running

STAND_INS = str(Path(__file__).parents[2] / "peers" / "stand_ins.py")
START = """
import sys, msgspec
from bms.app.all_in_one import up
from bms.app.exit_codes import exit_code_of
from bms.app.settings import UpSettings
from bms.core.errors import BmsError
try:
    up(msgspec.json.decode(sys.argv[1], type=UpSettings))
except BmsError as error:
    print("bms:", error.message, file=sys.stderr)
    sys.exit(int(exit_code_of(error)))
"""
PATIENCE_S = 30.0


def until(condition: Callable[[], object]) -> None:
    """Returns when `condition()` holds; fails when it never does."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.02)


class Platform:
    """A supervisor as a process of its own, and what can be seen of it."""

    def __init__(self, root: Path, **settings: object) -> None:
        self.home = Home(root)
        self.settings = UpSettings(
            home=str(self.home.root),
            port=0,
            control=(STAND_INS, "control"),
            gateway=(STAND_INS, "gateway"),
        )
        self.settings = msgspec.structs.replace(self.settings, **settings)
        self.process: subprocess.Popen[str]

    def start(self) -> "Platform":
        self.process = subprocess.Popen(
            [sys.executable, "-c", START, msgspec.json.encode(self.settings).decode()],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self

    def ready(self) -> "Platform":
        self.start()
        assert self.process.stdout is not None
        assert self.process.stdout.readline().startswith("BMS is ready at http://127.0.0.1:")
        return self

    @property
    def url(self) -> str:
        return str(json.loads(self.home.endpoint.read_bytes())["url"])

    @property
    def running(self) -> RunningServices:
        seen = running(self.home)
        assert seen is not None
        return seen

    def pid_of(self, name: str) -> int:
        return next((each.pid for each in self.running.services if each.name == name), 0)

    def answers(self) -> bool:
        try:
            return httpx.get(self.url, timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, errors

    def nothing_left(self) -> bool:
        return not services_of(self.home) and not workloads_of(self.home) and not self.home.sockets.exists()


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Callable[..., Platform]]:
    made: list[Platform] = []

    def make(**settings: object) -> Platform:
        made.append(Platform(tmp_path / "home", **settings))
        return made[-1]

    yield make
    for each in made:
        for process in services_of(each.home):
            processes.send(process.identity, signal.SIGKILL)
        holder = each.home.holder()
        if holder is not None:
            processes.send(processes.ProcessIdentity(holder.pid, holder.start_ticks), signal.SIGKILL)
        if hasattr(each, "process"):
            each.process.communicate()
        shutil.rmtree(each.home.sockets, ignore_errors=True)


@pytest.mark.parametrize("module", ["bms.app.all_in_one", "bms.cli.commands.up", "bms.cli.commands.down"])
def test_what_starts_and_keeps_a_platform_loads_neither_numbers_nor_sql(module: str) -> None:
    """So that it is small, and there soon."""
    heavy = ("numpy", "sqlalchemy", "httpx", "starlette", "uvicorn", "bms.sdk", "bms.control", "bms.adapters.runtimes")
    program = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert said.stdout.strip() == "[]"


def test_it_answers_tells_where_and_leaves_nothing_behind(platform: Callable[..., Platform]) -> None:
    up = platform(gateways=2).ready()
    assert up.answers()
    assert {each.name for each in up.running.services} == {"control", "gateway-0", "gateway-1"}
    assert up.home.root.stat().st_mode & 0o777 == 0o700
    assert up.home.sockets.stat().st_mode & 0o777 == 0o700
    assert up.stop()[0] == 0
    assert up.nothing_left()
    assert not up.home.endpoint.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_ctrl_c_and_a_closed_terminal_stop_it_too(platform: Callable[..., Platform], number: signal.Signals) -> None:
    up = platform().ready()
    assert up.stop(number)[0] == 0
    assert up.nothing_left()


@pytest.mark.parametrize("name", ["control", "gateway-0", "gateway-1"])
def test_whatever_is_killed_is_started_again(platform: Callable[..., Platform], name: str) -> None:
    up = platform(gateways=2).ready()
    before = up.pid_of(name)
    os.kill(before, signal.SIGKILL)
    until(lambda: up.pid_of(name) not in (0, before))
    assert up.answers()
    assert "killed by SIGKILL" in up.stop()[1]


def test_a_killed_supervisor_is_replaced_and_its_children_are_adopted(platform: Callable[..., Platform]) -> None:
    up = platform().ready()
    first, url = up.process.pid, up.url
    children = {each.name: each.pid for each in up.running.services}
    os.kill(first, signal.SIGKILL)
    until(lambda: up.running.supervisor != first)
    assert {each.name: each.pid for each in up.running.services} == children
    assert up.answers()
    until(lambda: json.loads(up.home.endpoint.read_bytes())["pid"] != first)
    assert up.url == url

    os.kill(children["gateway-0"], signal.SIGKILL)
    until(lambda: up.pid_of("gateway-0") not in (0, children["gateway-0"]))
    assert up.answers()
    os.kill(children["control"], signal.SIGKILL)
    until(lambda: up.pid_of("control") not in (0, children["control"]))

    second = up.running.supervisor
    os.kill(second, signal.SIGKILL)
    until(lambda: up.running.supervisor != second)
    assert up.answers()

    os.kill(up.running.supervisor, signal.SIGTERM)
    until(lambda: not services_of(up.home) and not up.home.endpoint.exists())
    assert up.nothing_left()


def test_what_survives_when_supervisor_and_control_are_killed_is_ended_by_the_next_start(
    platform: Callable[..., Platform],
) -> None:
    up = platform().ready()
    os.kill(up.pid_of("control"), signal.SIGSTOP)
    up.process.kill()
    up.process.wait()
    os.kill(up.pid_of("control"), signal.SIGKILL)
    port = int(up.url.rpartition(":")[2])
    old = up.pid_of("gateway-0")
    assert up.answers()

    again = platform(port=port).ready()
    assert again.pid_of("gateway-0") != old
    assert again.answers()
    assert again.stop()[0] == 0
    assert again.nothing_left()


def test_a_second_start_on_the_same_home_is_refused_and_disturbs_nothing(platform: Callable[..., Platform]) -> None:
    up = platform().ready()
    second = platform().start()
    _, errors = second.process.communicate(timeout=PATIENCE_S)
    assert second.process.returncode == 7
    assert f"already runs on {up.home.root} (process {up.process.pid})" in errors
    assert up.answers()


def test_a_port_in_use_is_named(platform: Callable[..., Platform]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        up = platform(port=port).start()
        _, errors = up.process.communicate(timeout=PATIENCE_S)
    assert up.process.returncode == 9
    assert f"port {port} on 127.0.0.1 is in use" in errors
    assert "--port" in errors


def test_a_home_of_a_newer_version_is_refused_untouched(platform: Callable[..., Platform]) -> None:
    up = platform()
    up.home.root.mkdir()
    (up.home.root / "version").write_text("99\n")
    up.start()
    _, errors = up.process.communicate(timeout=PATIENCE_S)
    assert up.process.returncode == 8
    assert "newer BMS" in errors
    assert [path.name for path in up.home.root.iterdir()] == ["version"]


def test_a_newer_database_is_refused_at_once(platform: Callable[..., Platform]) -> None:
    up = platform(control=(STAND_INS, "newer")).start()
    _, errors = up.process.communicate(timeout=PATIENCE_S)
    assert up.process.returncode == 8
    assert "bms: the database is of a newer version" in errors
    assert up.nothing_left()


@pytest.mark.parametrize(("service", "name"), [("control", "control"), ("gateway", "gateway-0")])
def test_a_service_that_never_starts_ends_the_platform_with_its_last_words(
    platform: Callable[..., Platform], service: str, name: str
) -> None:
    up = platform(**{service: (STAND_INS, "broken")}).start()
    _, errors = up.process.communicate(timeout=PATIENCE_S)
    assert up.process.returncode == 11
    assert f"{name} ended 5 times at its start, last with status 1" in errors
    assert "the stand-in is broken on purpose" in errors
    assert up.nothing_left()


def test_nobody_gives_up_on_a_control_that_fails_after_the_platform_was_ready(
    platform: Callable[..., Platform],
) -> None:
    up = platform(control=(STAND_INS, "failing")).ready()
    os.kill(up.pid_of("control"), signal.SIGKILL)
    log = up.home.logs / "control.log"
    until(lambda: log.read_text().count("broken on purpose") > 6)
    assert up.answers()
    assert up.stop()[0] == 0
    assert up.nothing_left()


@pytest.mark.skipif(os.getuid() != 0, reason="a full disk is made by mounting a tiny one, which needs root")
def test_a_full_disk_is_named(tmp_path: Path) -> None:
    settings = msgspec.json.encode(UpSettings(home=str(tmp_path / "home"), port=0)).decode()
    fill = 'mount -t tmpfs -o size=16k tmpfs "$1" && (head -c 16384 /dev/zero > "$1/full" || true)'
    script = f'{fill} && exec "$2" -c "$3" "$4"'
    shell = ["unshare", "-m", "sh", "-c", script, "sh", str(tmp_path), sys.executable, START, settings]
    done = subprocess.run(shell, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 10, done.stderr
    assert "the disk is full" in done.stderr
