"""A tenant's job on a real platform reaches nothing of the platform or of other tenants, and still does its work."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from bms.adapters.clusters.isolation import capabilities as probing
from bms.adapters.clusters.isolation import confinement
from bms.app.home.directory import Home
from bms.app.supervisor.supervisor import running
from bms.core.serving.snapshot import SnapshotUpdate
from bms.core.workloads.isolation import told
from bms.protocols.bus import GatewayHello, encode, message_reader, to_gateway
from bms.sdk import Client
from tests.worlds.identities import pid_in
from tests.worlds.platforms import RealPlatform

MEANS = probing.probe()
FOUND = probing.describe(MEANS)
needs_landlock = pytest.mark.skipif(confinement.abi() < 6, reason="this kernel's Landlock is older than version 6")
ATTACK = Path(__file__).parent / "jobs"
FILES = ("admin.key", "secrets/pepper", "secrets/bus", "bms.db", "lock", "run/control.json", "run/gateway-0.json")
Report = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def acme(tenant: RealPlatform) -> Iterator[Client]:
    with tenant.client() as client:
        yield client


def neighbour(platform: RealPlatform) -> tuple[int, Path]:
    """The process and the directory of the operator's own model server."""
    with platform.client() as operator:
        (workload,) = (
            each
            for each in operator.system.status().workloads
            if (each.kind, each.tenant) == ("model_server", "default")
        )
    return pid_in(platform.home, workload.id), platform.home / "run" / "workloads" / workload.id


def model_servers(home: Path) -> list[str]:
    """The paths of their sockets, which everybody outside can read."""
    lines = Path("/proc/net/unix").read_text().splitlines()[1:]
    found = {line.split()[-1] for line in lines if line.endswith("/s") and str(Home(home).sockets) in line}
    assert found
    return sorted(found)


@pytest.fixture(scope="module")
def report(platform: RealPlatform, acme: Client, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """What the attacking job says, by "denied" and "works"; it is told where everything is."""
    home = platform.home
    pid, directory = neighbour(platform)
    data = tmp_path_factory.mktemp("data") / "rows.jsonl"
    data.write_text('{"x": 1.0}\n')
    acme.datasets.import_files("rows", data, "jsonl")
    acme.datasets.wait("rows", 1)
    seen = running(Home(home))
    assert seen is not None
    other = home / "environments" / ("0" * 64) / "venv"
    other.mkdir(parents=True, exist_ok=True)  # it may be there of another time
    other.chmod(0o700)
    other.parent.chmod(0o700)
    trees = [path for path in (home / "cache" / "trees" / "default").rglob("*") if path.is_file()]
    objects = [path for path in (home / "objects").rglob("*") if path.is_file() and "default" in path.parts]
    assert trees
    assert objects
    files = [*(home / name for name in FILES), trees[0], objects[0], directory / "config.json"]
    assert all(path.read_bytes()[:1] for path in files if path.name != "lock"), "we, who are not confined, may read"
    job = acme.jobs.train(
        code=ATTACK,
        entry="attack.py",
        datasets={"data": "rows"},
        parameters={
            "home": str(home),
            "control": next(each.pid for each in seen.services if each.name == "control"),
            "neighbour": pid,
            "files": [*map(str, files), str(Path.home() / ".profile"), "/etc/shadow"],
            "sockets": str(Home(home).sockets),
            "model_servers": model_servers(home),
            "slim": str(next((home / "slim").iterdir())),
            "packages": str(Path(os.__file__).parent / "site-packages"),
            "environment": str(other),
            "input": "dataset.json",
        },
    )
    ended = acme.jobs.wait(job.id, timeout_s=100)
    assert ended.state == "succeeded", ended.error
    return cast(Report, ended.report)


@needs_landlock
def test_what_is_not_its_own_is_denied(report: Report) -> None:
    assert len(report["denied"]) > 40
    reached = {name: said for name, said in report["denied"].items() if not said.startswith("denied")}
    missed = {"read /etc/shadow", f"read {Path.home() / '.profile'}"}  # may be absent here
    # In a root of its own what is not its own has no name; that it is there was seen from outside.
    absent = {name for name, said in report["denied"].items() if "No such" in said} - missed if not MEANS.root else ()
    assert (reached, list(absent)) == ({}, [])


def test_its_own_work_works(report: Report) -> None:
    assert {name: said for name, said in report["works"].items() if not said.startswith("done")} == {}


@needs_landlock
def test_the_platform_says_what_confines(platform: RealPlatform, acme: Client) -> None:
    with platform.client() as operator:
        assert operator.system.status().isolation == FOUND
    assert acme.system.status().isolation == told(FOUND), "why something lacks is the operator's to know"
    assert FOUND.level in platform.good("status").out


@needs_landlock
def test_the_model_server_is_confined_and_answers(platform: RealPlatform, report: Report) -> None:
    pid, _ = neighbour(platform)
    said = dict(line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
    assert (said["NoNewPrivs"], int(said["CapEff"], 16), int(said["CapPrm"], 16)) == ("1", 0, 0)
    assert "instances" not in platform.good("predict", "digits", "--data", str([[0.0] * 64])).out


@pytest.mark.parametrize("token", ["", "0" * 64])
def test_the_bus_tells_a_stranger_nothing(platform: RealPlatform, token: str) -> None:
    assert _heard(platform, token) == b""


def test_the_bus_tells_who_knows_the_token(platform: RealPlatform) -> None:
    (body, *_) = message_reader().feed(_heard(platform, Home(platform.home).bus_token()))
    assert isinstance(to_gateway.decode(body), SnapshotUpdate)


def test_the_token_is_the_owners_alone(platform: RealPlatform) -> None:
    assert (platform.home / "secrets" / "bus").stat().st_mode & 0o777 == 0o600


@needs_landlock
def test_code_that_comes_with_an_interpreter_runs_confined(tmp_path: Path) -> None:
    """Packages may bring *.pth files, which run whatever they say whenever their interpreter starts."""
    venv, secret, own = tmp_path / "venv", tmp_path / "secret", tmp_path / "own"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True, timeout=60)
    secret.write_text("told")
    own.mkdir()
    packages = next(venv.glob("lib/python3*/site-packages"))
    (packages / "evil.pth").write_text(f"import shutil; shutil.copy({str(secret)!r}, {str(own / 'stolen')!r})\n")
    said = _bootstrapped(venv / "bin" / "python", tmp_path)
    assert "Permission denied" in said or "No such file" in said
    assert not (own / "stolen").exists()


@needs_landlock
def test_a_home_inside_what_all_may_read_stays_hidden(tmp_path: Path) -> None:
    """A home below the interpreter's own prefix, say."""
    prefix = tmp_path / "lib" / "python"
    home = prefix / "deep" / "home"
    home.mkdir(parents=True)
    (prefix / "module.py").touch()
    (home / "admin.key").touch()
    assert places_around(prefix, home) == {str(prefix / "module.py")}
    assert places_around(home, home) == set()


def places_around(root: Path, home: Path) -> set[str]:
    from bms.adapters.clusters.local.mounts import _around

    return {str(path) for path in _around(root, (home,))}


def _bootstrapped(python: Path, folder: Path) -> str:
    """What a program says that the cluster's bootstrap starts, with `folder`/own for its own."""
    import msgspec

    from bms.adapters.clusters.isolation import bootstrap
    from bms.adapters.clusters.local import mounts as places
    from bms.adapters.clusters.local import sandbox_plan as enclosing
    from bms.adapters.clusters.local.workload_inputs import ResolvedInputs
    from bms.core.workloads.resources import Resources
    from bms.core.workloads.workload import WorkloadSpec

    spec = WorkloadSpec(
        id="w", kind="job", tenant="t", owner="o", epoch=1, program="p", config={}, resources=Resources()
    )
    slim = folder / "slim"
    slim.mkdir()
    (slim / "p.py").touch()
    allowed = places.allowed(ResolvedInputs(str(python)), slim=str(slim), own=[folder / "own"], hidden=[])
    (folder / "walls.json").write_bytes(msgspec.json.encode(enclosing.enclose(spec, MEANS, allowed)))
    waits, gate = os.pipe()
    os.write(gate, b"\n")
    os.close(gate)
    command: list[Any] = [sys.executable, "-I", "-S", bootstrap.__file__, str(waits), folder / "walls.json"]
    done = subprocess.run(
        [*command, python, slim, "p", "-"], pass_fds=(waits,), capture_output=True, text=True, timeout=60, check=False
    )
    os.close(waits)
    return done.stderr


def _heard(platform: RealPlatform, token: str) -> bytes:
    """What the bus answers a gateway that says hello with this token, as much as a full update's start."""
    hello = encode(GatewayHello(slot=7, source="gw_stranger", pid=os.getpid(), revision=0, token=token))
    heard = b""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(Home(platform.home).sockets / "bus.sock"))
        connection.sendall(hello)
        reader = message_reader()
        while data := connection.recv(1 << 16):
            heard += data
            if list(reader.feed(data)):
                break
    return heard
