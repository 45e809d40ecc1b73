"""On a machine that can do less, what it can do is done, and what it can't is said."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bms.adapters.clusters.isolation import bootstrap, confinement, seccomp
from bms.adapters.clusters.isolation import capabilities as probing
from bms.adapters.clusters.isolation.capabilities import IsolationMeans
from bms.adapters.clusters.local.cluster import LocalCluster
from bms.core.errors import FailedPrecondition
from tests.contract.clusters.local.neighbours import FOUND
from tests.contract.clusters.local_cluster import local_cluster
from tests.contract.clusters.sights import MakeSpec, ended, said

LANDLOCK = confinement.abi()
WITHOUT_NAMESPACES = IsolationMeans(landlock=LANDLOCK, filter=seccomp.known(), why={"root": "unshare is refused"})


async def said_on(
    machine: IsolationMeans,
    make_cluster: Callable[[], LocalCluster],
    make_spec: MakeSpec,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, Any]:
    """What a workload says of its network there, under "level" the cluster's."""
    attempts = {
        "internet": ["family", 2],
        "tcp": ["loopback"],
        "unix": ["unix", "/no/such/socket"],
        "own": ["make", "made"],
        "passwords": ["read", "/etc/shadow"],
    }
    with monkeypatch.context() as patched:
        patched.setattr(probing, "probe", lambda: machine)
        cluster = make_cluster()
        await cluster.open()
    try:
        await cluster.start(make_spec(program="hostile", attempts=attempts))
        assert (await ended(cluster, "wl_1")).exit_code == 0
        answers: dict[str, str] = json.loads(Path(cluster.directory("wl_1"), "said.json").read_text())
        return {**answers, "level": cluster.isolation.level}
    finally:
        await cluster.close()


@pytest.mark.skipif(not FOUND["files"].on or not FOUND["calls"].on, reason="no Landlock or no filter here")
async def test_without_namespaces_a_filter_leaves_unix_sockets_alone(
    make_cluster: Callable[[], LocalCluster], make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = await said_on(WITHOUT_NAMESPACES, make_cluster, make_spec, monkeypatch)
    assert words["tcp"] == "denied: Permission denied"
    assert words["unix"] == "denied: No such file or directory", "a Unix socket may be made; there is only none there"
    assert (words["own"][:4], words["passwords"]) == ("done", "denied: Permission denied")
    assert words["level"] == ("confined" if LANDLOCK >= confinement.SIGNALS_SINCE_ABI else "basic")


@pytest.mark.skipif(LANDLOCK < confinement.TCP_SINCE_ABI, reason=f"Landlock {LANDLOCK} knows nothing of TCP")
async def test_without_a_filter_landlock_leaves_no_tcp_but_that_is_no_level(
    make_cluster: Callable[[], LocalCluster], make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = await said_on(IsolationMeans(landlock=LANDLOCK), make_cluster, make_spec, monkeypatch)
    assert words["tcp"].startswith("denied: Permission denied")
    assert words["level"] == "none"


async def test_a_machine_that_can_do_nothing_still_runs_them_and_says_so(
    make_cluster: Callable[[], LocalCluster], make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = await said_on(IsolationMeans(), make_cluster, make_spec, monkeypatch)
    assert (words["own"][:4], words["tcp"], words["level"]) == ("done", "done", "none")


async def test_a_cluster_that_is_to_give_more_than_the_machine_can_does_not_open(
    home: Path, run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "probe", lambda: WITHOUT_NAMESPACES)
    cluster = local_cluster(home, run_dir, require="strict")
    with pytest.raises(FailedPrecondition, match=r"'strict' can't be given here.*view: unshare is refused"):
        await cluster.open()


async def test_walls_that_can_not_be_put_up_let_nothing_run(
    make_cluster: Callable[[], LocalCluster], make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that could when it was asked, and can't any more: only real root may hide processes so."""
    changed = IsolationMeans(landlock=LANDLOCK, namespaces="user", root=True, hide=True)
    with monkeypatch.context() as patched:
        patched.setattr(probing, "probe", lambda: changed)
        cluster = make_cluster()
        await cluster.open()
    try:
        await cluster.start(make_spec())
        assert (await ended(cluster, "wl_1")).exit_code == bootstrap.NOT_CONFINED
        words = await said(cluster, "wl_1")
        assert words.startswith("not started, since it can't be confined: ")
        assert "started " not in [line[:8] for line in words.splitlines()]
    finally:
        await cluster.close()
