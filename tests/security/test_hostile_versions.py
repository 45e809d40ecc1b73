"""A version that does what it must not: it is refused or contained, and its neighbour answers without one failure."""

import json
import os
import re
import shutil
import socket
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from bms.core.errors import FailedPrecondition
from bms.sdk import Client
from bms.sdk.deployments import Target
from bms.sdk.models import NewVersion
from tests.peers.load import Load
from tests.worlds.whole_platform import DATA, WholePlatform, deploy, new_key, push, until, whole_platform

ROW = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 64], "data": [0.5] * 64}]}
LIMITS = {"memory": 400 << 20, "cpu": 1, "processes": 64, "disk": 1 << 28}  # of the disk what a slow one takes at once
LOAD_LIMIT_S = 30  # what takes memory until it is killed takes up to ten on a slow machine


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholePlatform]:
    options = ("--verification-timeout", str(LOAD_LIMIT_S))
    with whole_platform(tmp_path_factory.mktemp("hostile"), *options) as running:
        with running.client() as client:
            push(client, "neighbour")
            deploy(client, "neighbour", "neighbour", Target(version=1))
        yield running


@pytest.fixture
def client(platform: WholePlatform) -> Iterator[Client]:
    with platform.client() as opened:
        yield opened


@pytest.fixture
def neighbour(platform: WholePlatform) -> Iterator[Load]:
    """Asked all the while; not one of its answers may fail."""
    key = new_key(platform)
    body = json.dumps(ROW).encode()
    with Load(platform.url, key.text, "/v2/models/neighbour/infer", body, connections=4, per_second=12) as felt:
        felt.wait_more(8)
        yield felt
        felt.wait_more(8)
    assert felt.failures == []


def artifact(folder: Path, **config: object) -> Path:
    made = folder / "hostile"
    made.mkdir()
    shutil.copy(DATA / "hostile" / "model.py", made)
    text = {"dtype": "BYTES", "shape": [None]}
    signature = {"inputs": [{"name": "do", **text}], "outputs": [{"name": "said", **text}]}
    (made / "bms.json").write_text(json.dumps({"signatures": {"serving_default": signature}}))
    (made / "config.json").write_text(json.dumps(config))
    return made


def told(platform: WholePlatform, deed: str, timeout_s: float = 30) -> httpx.Response:
    """The answer of the deployment `hostile` that is told to do something."""
    body = {"inputs": [{"name": "do", "datatype": "BYTES", "shape": [1], "data": [deed]}]}
    headers = {"authorization": f"Bearer {platform.key}"}
    url = f"{platform.url}/v2/models/hostile/infer"
    return httpx.post(url, json=body, headers=headers, timeout=timeout_s, trust_env=False)


def said(platform: WholePlatform, deed: str) -> str:
    answer = told(platform, deed)
    assert answer.status_code == 200, answer.text
    words: str = answer.json()["outputs"][0]["data"][0]
    return words


@pytest.fixture(scope="module")
def hostile(platform: WholePlatform, tmp_path_factory: pytest.TempPathFactory) -> WholePlatform:
    """A platform on which it is deployed, and so far did nothing."""
    with platform.client() as client:
        push(client, "hostile", artifact(tmp_path_factory.mktemp("artifact")), NewVersion())
        deploy(client, "hostile", "hostile", Target(version=1), resources=LIMITS, timeout_s=5.0)
    return platform


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        ("segfault", "SIGSEGV"),
        ("allocate", "killed: used "),
        # The watch's word, or the kernel's.
        pytest.param("fork", "(processes of|Resource temporarily unavailable)", marks=pytest.mark.long),
        pytest.param("sleep", "timed out after", marks=pytest.mark.long),
        pytest.param("spin", "timed out after", marks=pytest.mark.long),
        pytest.param("fill", "killed: wrote ", marks=pytest.mark.long),
    ],
)
def test_one_that_misbehaves_while_it_is_loaded_is_rejected_with_the_reason(
    client: Client, neighbour: Load, tmp_path: Path, deed: str, words: str
) -> None:
    with pytest.raises(FailedPrecondition) as refused:
        push(client, f"bad-{deed}", artifact(tmp_path, at_load=deed), NewVersion())
    assert re.search(words, refused.value.message)
    assert list(client.deployments.list(model=f"bad-{deed}")) == []


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        ("segfault", "SIGSEGV"),
        ("allocate", "killed: used "),
        ("sleep", "a run still went on"),
        pytest.param("spin", "a run still went on", marks=pytest.mark.long),
        pytest.param("fork", "processes of", marks=pytest.mark.long),
        pytest.param("fill", "killed: wrote ", marks=pytest.mark.long),
        pytest.param("forks_that_fork", "processes of", marks=pytest.mark.long),
    ],
)
def test_one_that_misbehaves_when_asked_is_ended_with_a_verdict_and_started_again(
    hostile: WholePlatform, client: Client, neighbour: Load, deed: str, words: str
) -> None:
    # After what was done before it, and so often short that nobody expects what comes.
    until(lambda: all(told(hostile, "nothing").status_code == 200 for _ in range(40)), "it answers, and goes on to")
    answer = told(hostile, deed)

    def verdict() -> bool:
        replicas = client.deployments.status("hostile").replicas
        return any(words in replica.reason for replica in replicas if replica.state == "failed")

    if answer.status_code == 200:  # the kernel said no, and the watch was not needed
        assert "Resource temporarily unavailable" in answer.text
    else:
        assert answer.status_code in (500, 503, 504), answer.text
        until(verdict, f"{words!r} is told of a replica")
    until(lambda: told(hostile, "nothing").status_code == 200, "it serves again")


def refused(words: str) -> bool:
    return words.startswith(("PermissionError", "OSError", "FileNotFoundError", "ProcessLookupError", "Connection"))


def test_it_reads_no_secret_and_no_other_tenants_files(hostile: WholePlatform, neighbour: Load) -> None:
    home = hostile.home
    with hostile.client() as operator:
        other = operator.tenants.create("other")
    with Client(hostile.url, other.key.text) as theirs:
        push(theirs, "theirs")
    tenant = other.tenant.id
    objects = [path for path in (home / "objects").rglob("*") if path.is_file() and tenant in path.parts]
    assert objects, "there is something to steal"
    for path in (home / "admin.key", *(home / "secrets").iterdir(), *objects[:3], *home.glob("*.db*")):
        assert refused(said(hostile, f"read {path}")), path
    assert refused(said(hostile, f"list {home}"))
    names = said(hostile, "environment")
    assert not any(word in names for word in ("KEY", "TOKEN", "SECRET", "PASSWORD"))
    assert hostile.key not in said(hostile, "commands")


def test_it_writes_nowhere_but_in_its_own_directory(hostile: WholePlatform, neighbour: Load, tmp_path: Path) -> None:
    environments = next(iter((hostile.home / "environments").glob("*/venv/bin/python")), None)
    places = [hostile.home / "x", tmp_path / "x", Path("/usr/lib/bms-was-here"), Path.home() / "bms-was-here"]
    places += [environments.parent / "x"] if environments else []
    for place in places:
        assert refused(said(hostile, f"write {place}")), place
        assert not place.exists()


def test_it_reaches_no_network_and_no_neighbours_socket(
    hostile: WholePlatform, client: Client, neighbour: Load
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(1)
        assert refused(said(hostile, f"connect 127.0.0.1:{listener.getsockname()[1]}"))
        assert refused(said(hostile, f"connect {hostile.url.removeprefix('http://')}"))
        said(hostile, f"send 127.0.0.1:{udp.getsockname()[1]}")
        with pytest.raises(TimeoutError):
            udp.recv(10)
    # Each once: an open one is listed again for every connection that was made to it.
    sockets = {line.split()[-1] for line in Path("/proc/net/unix").read_text().splitlines() if "/bms-" in line}
    assert sockets
    own = {sha256(replica.id.encode()).hexdigest()[:16] for replica in client.deployments.status("hostile").replicas}
    for path in sockets:
        if Path(path).parent.name not in own:
            assert refused(said(hostile, f"knock {path}")), path


def test_it_ends_and_slows_down_nobody_else(hostile: WholePlatform, neighbour: Load) -> None:
    everybody_of_this_user = f"{os.PRIO_USER} 0"
    assert refused(said(hostile, f"renice {everybody_of_this_user}"))
    assert said(hostile, f"renice {os.PRIO_PROCESS} 0") == "done", "itself"
    for pid in hostile.processes():
        if "model_server" not in hostile.processes().get(pid, ""):
            assert refused(said(hostile, f"kill {pid}"))
            assert refused(said(hostile, f"renice {os.PRIO_PROCESS} {pid}"))
