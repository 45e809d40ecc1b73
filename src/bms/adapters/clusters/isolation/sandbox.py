"""Sandboxes the current process, in the one order that works: namespaces, private root, Landlock, seccomp filter.

Standard library only: `bootstrap` calls it in the workload's process, and `probes` where it is only tried.
"""

import resource
from collections.abc import Mapping, Sequence
from typing import TypedDict

from . import confinement, namespaces, roots, seccomp


class Sandbox(TypedDict):
    """The sandbox of one workload, as JSON in its directory."""

    files: Mapping[str, Sequence[str]]  # what it may see and change: paths by the names of `confinement.RIGHTS`
    namespaces: str  # "root", "user" or "": how to get its own
    network: str  # what keeps it from the network: "namespace", "filter", "landlock", or "" for nothing
    root: bool  # whether it gets a tree of files of its own
    hide: bool  # whether it sees its own processes alone
    filter: bool  # whether system calls are filtered
    processes: int  # most processes and threads of a user namespace; 0: not limited by this
    room: int  # bytes in its own /tmp and its own /dev/shm, each


def put_up(walls: Sandbox, program: str) -> None:
    """Sandboxes this process, which must have one thread, irrevocably. `program` is what it will execute.

    Raises OSError when the kernel refuses; nothing may run then.
    """
    if walls["namespaces"]:
        alone = walls["network"] == "namespace"
        namespaces.enter(walls["namespaces"], network=alone, mounts=walls["root"])
    if walls["processes"]:
        # In a user namespace the kernel counts the processes of this namespace alone.
        resource.setrlimit(resource.RLIMIT_NPROC, (walls["processes"], walls["processes"]))
    if walls["root"]:
        base = walls["files"]["own"][0]
        roots.enter(walls["files"], base=base, program=program, room=walls["room"], hide=walls["hide"])
    confinement.confine(walls["files"], tcp=walls["network"] != "landlock")
    if walls["filter"]:
        seccomp.install(seccomp.UNIX if walls["network"] == "filter" else seccomp.INTERNET)
