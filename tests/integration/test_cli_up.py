"""`bms up` and `bms down` with the real control and gateways."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from bms.app.endings import services_of, workloads_of
from bms.app.home import Home
from tests.platforms import bms, real_platform


def test_a_platform_in_the_foreground_ends_with_ctrl_c_and_leaves_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    process = subprocess.Popen(
        [sys.executable, "-m", "bms.cli.main", "up", "--home", str(home.root), "--port", "0", "--gateways", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("BMS is ready at http://127.0.0.1:")
    url = json.loads(home.endpoint.read_bytes())["url"]
    assert httpx.get(f"{url}/v2/health/ready").status_code == 200
    assert home.admin_key.stat().st_mode & 0o777 == 0o600
    assert home.root.stat().st_mode & 0o777 == 0o700
    key = home.admin_key.read_text().strip()
    assert httpx.get(f"{url}/api/v1/whoami", headers={"authorization": f"Bearer {key}"}).json()["tenant"] == "default"
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert key.partition(".")[2] not in out
    assert not services_of(home)
    assert not workloads_of(home)
    assert not home.sockets.exists()


def test_what_was_made_is_there_after_a_restart(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with real_platform(home) as platform:
        key = platform.key
        platform.good("user", "create", "kept")
    with real_platform(home) as platform:
        assert platform.key == key
        assert "kept" in platform.good("user", "list").out


def test_a_second_platform_on_one_home_is_refused_and_so_is_its_port(tmp_path: Path) -> None:
    with real_platform(tmp_path / "home") as platform:
        second = bms("up", "--home", str(platform.home), "--port", "0")
        assert second.status == 7
        assert "already runs" in second.errors
        detached = bms("up", "--home", str(platform.home), "--port", "0", "--detach")
        assert detached.status == 7
        assert "already runs" in detached.errors
        port = platform.url.rpartition(":")[2]
        other = bms("up", "--home", str(tmp_path / "other"), "--port", port)
        assert other.status == 9
        assert f"port {port}" in other.errors
        assert platform.bms("status").status == 0


def test_control_that_is_killed_comes_back_and_a_killed_supervisor_is_replaced(tmp_path: Path) -> None:
    with real_platform(tmp_path / "home") as platform:
        told = json.loads(platform.good("status", "--json").out)
        pids = {each["name"]: each["pid"] for each in told["processes"]}
        os.kill(pids["supervisor"], signal.SIGKILL)
        os.kill(pids["gateway-0"], signal.SIGKILL)
        with platform.client() as client:
            assert client.tenants.whoami().tenant == "default"  # retried until a gateway accepts
        os.kill(pids["control"], signal.SIGKILL)
        with platform.client() as client:
            assert client.tenants.whoami().tenant == "default"


def test_stopping_what_does_not_run_says_so(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert bms("down", "--home", str(home)).status == 3
    with real_platform(home):
        pass
    again = bms("down", "--home", str(home))
    assert (again.status, again.out) == (0, f"nothing ran on {home}\n")
    status = bms("status", "--home", str(home))
    assert status.status == 6
    assert "bms up" in status.errors


def test_a_directory_of_something_else_is_no_home(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    ran = bms("up", "--home", str(tmp_path), "--port", "0")
    assert ran.status == 2
    assert "thesis.tex" in ran.errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["thesis.tex"]
