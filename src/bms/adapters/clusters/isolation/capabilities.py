"""Detects which isolation this machine offers, by running `probes` in a process of its own."""

import subprocess
import sys
from pathlib import Path

import msgspec

from bms.adapters.clusters.isolation import confinement
from bms.core.errors import FailedPrecondition
from bms.core.workloads.isolation import Isolation, Protection, isolation

_PATIENCE_S = 60.0
_START = "import sys; sys.path.insert(0, sys.argv[1]); from {0} import probes; probes.main()"


class IsolationMeans(msgspec.Struct, frozen=True, kw_only=True):
    """The result of `probes`, decoded: which isolation means work here."""

    landlock: int = 0
    filter: bool = False
    namespaces: str = ""
    network: bool = False
    root: bool = False
    hide: bool = False
    processes: bool = False
    cgroups: dict[str, str] = {}
    why: dict[str, str] = {}


def probe() -> IsolationMeans:
    """Runs the probes, blocking until all are tried. Raises FailedPrecondition when the probe itself fails."""
    folder = Path(__file__).parent
    command = [sys.executable, "-I", "-S", "-c", _START.format(folder.name), str(folder.parent)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PATIENCE_S, check=True, env={})
        return msgspec.json.decode(done.stdout, type=IsolationMeans)
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError) as error:
        said = (getattr(error, "stderr", None) or b"").decode(errors="replace")[-500:]
        raise FailedPrecondition(f"the isolation of workloads can't be detected: {error} {said}") from error


def describe(means: IsolationMeans) -> Isolation:
    """Lists the protections that these means give, each with how or why not, and their level."""
    why, cgroups = means.why, means.cgroups
    tree = f"version {2 if 'unified' in cgroups else 1} control group"
    no_group = why.get("cgroups", "no controller can be used")
    memory = {"memory", "unified"} & cgroups.keys()
    processes = f"{tree}" if {"pids", "unified"} & cgroups.keys() else ""
    if not processes and means.processes:
        processes = "limit of a user namespace"
    signals = means.landlock >= confinement.SIGNALS_SINCE_ABI
    old = f"Landlock {means.landlock} does not know them, Linux 6.12 or later does" if means.landlock else "no Landlock"
    return isolation(
        (
            _found("files", f"Landlock {means.landlock}" if means.landlock else "", why.get("files", "")),
            _found("calls", "seccomp filter" if means.filter else "", why.get("filter", "")),
            _found("network", _network_words(means), why.get("network", "")),
            _found("signals", f"Landlock {means.landlock}" if signals else "", old),
            _found("view", f"mount namespace ({means.namespaces})" if means.root else "", why.get("root", "")),
            _found("processes", "/proc of its own" if means.hide else "", why.get("hide", "")),
            _found("memory limit", tree if memory else "", no_group),
            _found("process limit", processes, f"{no_group}; {why.get('processes', '')}"),
        )
    )


def network_wall(means: IsolationMeans) -> str:
    """How workloads are kept from the network, in the terms of `sandbox.Sandbox`."""
    if means.network:
        return "namespace"
    if means.filter:
        return "filter"
    return "landlock" if means.landlock >= confinement.TCP_SINCE_ABI else ""


def _network_words(means: IsolationMeans) -> str:
    return {"namespace": f"network namespace ({means.namespaces})", "filter": "seccomp filter: Unix sockets alone"}.get(
        network_wall(means), ""
    )


def _found(name: str, how: str, lacking: str) -> Protection:
    return Protection(name=name, how=how) if how else Protection(name=name, lacking=lacking or "not known why")
