"""Probes which isolation this machine's kernel offers, by trying each means in a process that ends at once.

Standard library only, like all that it tries. `capabilities` runs it, in a process of its own.
"""

import json
import os
import resource
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from typing import TypedDict, cast

from . import cgroups, confinement, namespaces, sandbox, seccomp

_SECRET, _OWN = "secret", "own"
_FILES = {"read": ("/proc", "/sys"), "run": ("/usr", "/bin", "/lib", "/lib64"), "device": ("/dev/null",)}


class ProbedMeans(TypedDict):
    """The result of probing: which means work here and, by the same names in `why`, the reason of each that does
    not."""

    landlock: int  # its version; 0: none
    filter: bool
    namespaces: str  # how to get them: "root", "user", or "" for not at all
    network: bool  # one of its own
    root: bool  # a tree of files of its own
    hide: bool  # in which only its own processes show
    processes: bool  # a limit on their number that holds for one user namespace
    cgroups: dict[str, str]  # bases by controller
    why: dict[str, str]


def main(*_: str) -> None:
    with tempfile.TemporaryDirectory(prefix="bms-probe-") as folder:
        json.dump(look(os.path.realpath(folder)), sys.stdout)


def look(folder: str) -> ProbedMeans:
    """Tries every means; `folder` is an empty directory."""
    with open(f"{folder}/{_SECRET}", "w") as file:
        file.write("told")
    os.mkdir(f"{folder}/{_OWN}")
    os.chdir(f"{folder}/{_OWN}")
    why: dict[str, str] = {}
    landlock = confinement.abi()
    if landlock and (failed := _tried(lambda: _files(folder))):
        landlock, why["files"] = 0, failed
    elif not landlock:
        why["files"] = "this kernel has no Landlock, or has it switched off (Linux 5.13 or later, lsm=landlock,…)"
    filtered = "no filter is known for this processor" if not seccomp.known() else _tried(lambda: _filter(folder))
    how, network, root = _namespaces(folder)
    hide = "only root can do this, with Landlock and a root of its own for each workload"
    if how == "root" and not root and landlock:
        hide = _tried(lambda: _hidden(folder))
    processes = _tried(_counted) if how == "user" else "only in user namespaces"
    bases, refused = _cgroups()
    failures = {"filter": filtered, "network": network, "root": root, "hide": hide, "processes": processes}
    why |= {name: text for name, text in failures.items() if text} | ({"cgroups": refused} if refused else {})
    return ProbedMeans(
        landlock=landlock,
        filter=not filtered,
        namespaces=how,
        network=not network,
        root=not root,
        hide=not hide,
        processes=not processes,
        cgroups=bases,
        why=why,
    )


def _namespaces(folder: str) -> tuple[str, str, str]:
    """How namespaces are got, and why not those of the network and of files."""
    found = []
    for how in ("root", "user"):
        network = _tried(lambda how=how: _network(folder, how))  # type: ignore[misc]
        root = _tried(lambda how=how: _root(folder, how))  # type: ignore[misc]
        if not network and not root:
            return how, "", ""
        found.append((how, network, root))
    how, network, root = min(found, key=lambda each: bool(each[1]) + bool(each[2]))
    return ("" if network and root else how), network, root


def _walls(folder: str, **different: object) -> sandbox.Sandbox:
    base = sandbox.Sandbox(
        files={**_FILES, "own": (f"{folder}/{_OWN}",)},
        namespaces="",
        network="",
        root=False,
        hide=False,
        filter=False,
        processes=0,
        room=1 << 20,
    )
    return cast(sandbox.Sandbox, base | different)


def _files(folder: str) -> None:
    sandbox.put_up(_walls(folder), "/bin/sh")
    _refused(lambda: open(f"{folder}/{_SECRET}").close(), "a file that was not allowed could be read")
    os.close(os.open(f"{folder}/{_OWN}/file", os.O_CREAT | os.O_WRONLY, 0o600))


def _filter(folder: str) -> None:
    sandbox.put_up(_walls(folder, network="filter", filter=True), "/bin/sh")
    socket.socket(socket.AF_UNIX).close()
    _refused(lambda: socket.socket(socket.AF_INET).close(), "a socket was made in spite of the filter")


def _network(folder: str, how: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        sandbox.put_up(_walls(folder, namespaces=how, network="namespace"), "/bin/sh")
        _refused(lambda: socket.create_connection(server.getsockname(), 1).close(), "the machine's network was reached")


def _root(folder: str, how: str) -> None:
    sandbox.put_up(_walls(folder, namespaces=how, root=True), "/bin/sh")
    if os.path.lexists(f"{folder}/{_SECRET}"):
        raise OSError(0, "a file that was not allowed can be seen")
    os.close(os.open(f"{folder}/{_OWN}/seen", os.O_CREAT | os.O_WRONLY, 0o600))
    _refused(lambda: os.mkdir("/usr/of-a-probe"), "a directory that is not its own could be written")


def _hidden(folder: str) -> None:
    parent = str(os.getppid())
    sandbox.put_up(_walls(folder, namespaces="root", root=True, hide=True), "/bin/sh")
    shown = os.listdir("/proc")
    if parent in shown or str(os.getpid()) not in shown:
        raise OSError(0, "other processes can be seen")


def _counted() -> None:
    namespaces.enter("user", network=False, mounts=False)
    resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
    _refused(lambda: _end(os.fork()), "more processes than the limit could be started")


def _end(pid: int) -> None:
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)


def _cgroups() -> tuple[dict[str, str], str]:
    """The bases whose controllers could be used, and the last refusal where there is none."""
    try:
        candidates = cgroups.own_groups()
    except OSError as error:
        return {}, str(error)
    refused = "no control groups are mounted"
    for bases in candidates:
        usable = {}
        for name, base in bases.items():
            failed = _grouped({name: base})
            if failed:
                refused = failed
            else:
                usable[name] = base
        if usable:
            return usable, ""
    return {}, refused


def _grouped(bases: dict[str, str]) -> str:
    groups = cgroups.ControlGroups(bases, f"probe-{os.getpid()}")
    pid = os.fork()
    if not pid:
        time.sleep(60)
        os._exit(0)
    try:
        groups.make("one", pid, memory=2**30, processes=16, cpu=0.5)
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        groups.remove("one")
        groups.close()
    return ""


def _refused(attempt: Callable[[], object], otherwise: str) -> None:
    try:
        attempt()
    except OSError:
        return
    raise OSError(0, otherwise)


def _tried(attempt: Callable[[], None]) -> str:
    """What went wrong with the attempt, made in a process of its own; "" when it worked."""
    reads, writes = os.pipe()
    pid = os.fork()
    if not pid:
        said = ""
        try:
            attempt()
        except Exception as error:  # noqa: BLE001 - whatever it is, it did not work, and the words are handed on
            said = str(error) or type(error).__name__
        os.write(writes, said.encode()[:4000])
        os._exit(0 if not said else 1)
    os.close(writes)
    with os.fdopen(reads, "rb") as pipe:
        words = pipe.read().decode(errors="replace")
    _, status = os.waitpid(pid, 0)
    return words if words or not status else f"it ended with status {os.waitstatus_to_exitcode(status)}"
