"""What a workload can't reach: each attempt works outside and is denied inside, and its own work goes on."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bms.adapters.clusters.isolation import confinement, seccomp
from bms.adapters.clusters.local.cluster import LocalCluster
from bms.core.errors import FailedPrecondition
from bms.core.workloads.isolation import LEVELS, reaches
from tests.contract.clusters.local.neighbours import MEANS, lacks, undisturbed
from tests.contract.clusters.programs.hostile import attempt
from tests.contract.clusters.sights import PROGRAMS, MakeSpec, ended
from tests.worlds.identities import pid_of

Attempts = dict[str, list[object]]
NAMESPACES = 0x7E02_0000


def needs(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(bool(lacks(*names)), reason=lacks(*names))


async def inside(
    cluster: LocalCluster, make_spec: MakeSpec, attempts: Attempts, *, id: str = "wl_1", network: bool = False
) -> dict[str, str]:
    """What a workload says of the attempts; `readable` of it is nothing but its own."""
    await cluster.start(make_spec(id=id, program="hostile", attempts=attempts, network=network))
    status = await ended(cluster, id)
    log = Path(cluster.directory(id), "workload.log").read_text()
    assert (status.exit_code, status.verdict) == (0, ""), log
    said: dict[str, str] = json.loads(Path(cluster.directory(id), "said.json").read_text())
    return said


def outside(attempts: Attempts) -> dict[str, str]:
    return {name: attempt(*what) for name, what in attempts.items()}  # type: ignore[arg-type]


async def denied(cluster: LocalCluster, make_spec: MakeSpec, attempts: Attempts) -> None:
    said = outside(attempts)
    assert {name: word for name, word in said.items() if not word.startswith("done")} == {}, "it works outside"
    said = await inside(cluster, make_spec, attempts)
    assert {name: word for name, word in said.items() if not word.startswith("denied")} == {}


@pytest.fixture
def ports() -> Iterator[tuple[int, int]]:
    """A TCP and a UDP port of this machine where somebody answers."""
    with ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))

        def echo() -> None:
            while True:
                data, sender = udp.recvfrom(16)
                if data == b"end":
                    return
                udp.sendto(data, sender)

        echoing = threading.Thread(target=echo)
        echoing.start()
        yield tcp.getsockname()[1], udp.getsockname()[1]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ending:
            ending.sendto(b"end", udp.getsockname())
        echoing.join()


@needs("network")
async def test_nothing_of_the_network_is_reached(
    cluster: LocalCluster, make_spec: MakeSpec, ports: tuple[int, int]
) -> None:
    tcp, udp = ports
    await denied(cluster, make_spec, {"tcp": ["tcp", "127.0.0.1", tcp], "udp": ["udp", "127.0.0.1", udp]})


@needs("network")
async def test_a_workload_with_network_has_that_and_every_other_wall(
    cluster: LocalCluster, make_spec: MakeSpec, ports: tuple[int, int], home: Path
) -> None:
    (home / "secret").write_text("told")
    tcp, udp = ports
    attempts: Attempts = {
        "tcp": ["tcp", "127.0.0.1", tcp],
        "udp": ["udp", "127.0.0.1", udp],
        "file": ["read", str(home / "secret")],
        "sees": ["signal", os.getpid()],
    }
    said = await inside(cluster, make_spec, attempts, network=True)
    assert (said["tcp"], said["udp"]) == ("done", "done")
    assert said["file"].startswith("denied")
    assert said["sees"].startswith("denied") or lacks("signals")


@needs("view")
async def test_another_workloads_socket_is_not_reached(cluster: LocalCluster, make_spec: MakeSpec) -> None:
    async with undisturbed(cluster, make_spec):
        await denied(cluster, make_spec, {"its socket": ["unix", cluster.socket("neighbour")]})


@needs("signals")
async def test_abstract_sockets_and_signals_do_not_cross(cluster: LocalCluster, make_spec: MakeSpec) -> None:
    name = f"bms-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0" + name)
        server.listen()
        async with undisturbed(cluster, make_spec):
            pid = pid_of(cluster, "neighbour")
            attempts: Attempts = {"abstract": ["abstract", name], "us": ["signal", os.getpid()], "it": ["signal", pid]}
            await denied(cluster, make_spec, attempts)


@needs("processes")
async def test_other_processes_are_not_seen(cluster: LocalCluster, make_spec: MakeSpec) -> None:
    async with undisturbed(cluster, make_spec):
        pid = pid_of(cluster, "neighbour")
        attempts: Attempts = {
            "us": ["sees", os.getpid()],
            "the neighbour": ["sees", pid],
            "its command line": ["read", f"/proc/{pid}/cmdline"],
            "its environment": ["read", f"/proc/{pid}/environ"],
            "its files": ["list", f"/proc/{pid}/root/"],
        }
        await denied(cluster, make_spec, attempts)


@needs("files")
async def test_files_of_others_are_not_read_or_written(
    cluster: LocalCluster, make_spec: MakeSpec, home: Path, tmp_path: Path
) -> None:
    other = home / "objects" / "another-tenant"
    other.mkdir(parents=True)
    for path in (home / "admin.key", other / "object", tmp_path / "of-somebody"):
        path.write_text("told")
    async with undisturbed(cluster, make_spec):
        attempts: Attempts = {
            "admin.key": ["read", str(home / "admin.key")],
            "an object": ["read", str(other / "object")],
            "objects": ["list", str(home / "objects")],
            "a file": ["read", str(tmp_path / "of-somebody")],
            "changing": ["write", str(home / "admin.key")],
            "making": ["make", str(home / "made")],
            "a neighbour's": ["read", str(Path(cluster.directory("neighbour"), "config.json"))],
            "a neighbour's log": ["write", str(Path(cluster.directory("neighbour"), "workload.log"))],
        }
        if os.access("/etc/passwd", os.W_OK):
            attempts["users"] = ["write", "/etc/passwd"]
        await denied(cluster, make_spec, attempts)


@needs("view")
async def test_what_landlock_does_not_know_of_ends_at_its_own_root(
    cluster: LocalCluster, make_spec: MakeSpec, home: Path, tmp_path: Path
) -> None:
    (home / "admin.key").parent.mkdir(parents=True, exist_ok=True)
    (home / "admin.key").write_text("told")
    (tmp_path / "here").mkdir()
    module = str(PROGRAMS / "cluster_programs.py")  # which it may read
    attempts: Attempts = {
        "stat": ["stat", str(home / "admin.key")],
        "chmod": ["chmod", str(home / "admin.key")],
        "touch": ["touch", str(home / "admin.key")],
        "a directory of others": ["list", str(tmp_path)],
    }
    if os.access(module, os.W_OK):
        attempts["touch what it reads"] = ["touch", module]
    await denied(cluster, make_spec, attempts)


@needs("view")
async def test_its_own_places_are_its_own(cluster: LocalCluster, make_spec: MakeSpec) -> None:
    names = [f"{place}/bms-test-{os.getpid()}" for place in ("/tmp", "/dev/shm")]
    attempts: Attempts = {name: ["make", name] for name in names} | {"host": ["host"], "loopback": ["loopback"]}
    said = await inside(cluster, make_spec, attempts)
    assert said.pop("host") == "done: localhost"
    assert {word[:4] for word in said.values()} == {"done"}
    assert not any(Path(name).exists() for name in names)


@needs("calls")
async def test_calls_that_only_attackers_need_are_refused(cluster: LocalCluster, make_spec: MakeSpec) -> None:
    numbers = seccomp._NUMBERS[os.uname().machine] | seccomp._EVERYWHERE
    attempts: Attempts = {
        "namespaces": ["call", numbers["unshare"], NAMESPACES & 0x1000_0000],
        "a key": ["call", numbers["keyctl"], 0, -3, 0],
        "another's limits": ["limits", os.getppid()],
    }
    said = await inside(
        cluster, make_spec, attempts | {"ring": ["call", numbers["io_uring_setup"], 1, 0], "vsock": ["family", 40]}
    )
    assert {name: word for name, word in said.items() if not word.startswith("denied")} == {}
    assert said["ring"] == "denied: Function not implemented"
    assert said["vsock"] == "denied: Permission denied"
    assert outside({"another's limits": ["limits", os.getpid()]}) == {"another's limits": "done"}
    assert (await inside(cluster, make_spec, {"own": ["limits", 0]}, id="wl_2")) == {"own": "done"}


async def test_a_workload_that_asks_for_more_than_there_is_is_refused(
    cluster: LocalCluster, make_spec: MakeSpec
) -> None:
    found = cluster.isolation
    for number, level in enumerate(LEVELS):
        spec = make_spec(id=f"wl_{number}", isolation=level)
        if reaches(found, level):
            assert (await cluster.start(spec)).state == "running"
        else:
            with pytest.raises(FailedPrecondition, match="What lacks: "):
                await cluster.start(spec)


async def test_the_cluster_says_what_keeps_workloads_in(cluster: LocalCluster, make_spec: MakeSpec) -> None:
    protections = {each.name: each for each in cluster.isolation.protections}
    assert protections["files"].on == (confinement.abi() > 0)
    assert all(bool(each.how) != bool(each.lacking) for each in protections.values())
    assert MEANS.why.keys() <= {"files", "filter", "network", "root", "hide", "processes", "cgroups"}
