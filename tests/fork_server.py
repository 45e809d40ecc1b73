"""Our programs in processes of their own that need not import anything: forked from one that has imported it all.

A command or a gateway takes half a second of computing to start, of which nearly all is imports; tests start hundreds.
What a test starts here is a process with a fresh environment, its own standard streams and an exit status, as if it had
been `python -m`. Programs of the platform are started by the platform, and some tests start commands the plain way.
"""

import asyncio
import atexit
import contextlib
import fcntl
import functools
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests import cpu_clock

# What can be started, by its module, and how the module runs with what is in sys.argv.
COMMAND, GATEWAY, MODEL_SERVER, JOBS = (
    "bms.cli.main",
    "bms.app.gateway",
    "bms.app.model_server",
    "tests.worlds.local_jobs",
)
AGENT = "tests.contract.clusters.agent_process"
_RUN: dict[str, Callable[[Any], object]] = {
    COMMAND: lambda module: module.run(),
    GATEWAY: lambda module: module.main(sys.argv[1:]),
    MODEL_SERVER: lambda module: module.main(),
    JOBS: lambda module: asyncio.run(module.main(*sys.argv[1:])),
    AGENT: lambda module: module.main(*sys.argv[1:]),
}
# Those that are packages, which `__main__` starts, by what has the function.
_MAIN = {GATEWAY: f"{GATEWAY}.main", MODEL_SERVER: f"{MODEL_SERVER}.main"}
_LONGEST = 1 << 17  # bytes of a request
_FDS = 16


class Forked:
    """A started program; as much of `subprocess.Popen` as the tests use."""

    def __init__(self, pid: int, told: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._told = told

    def poll(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._status(0)

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        status = self._status(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _status(self, timeout_s: float | None) -> int | None:
        if self.returncode is None and select.select([self._told], [], [], timeout_s)[0]:
            self.returncode, used = json.loads(self._told.recv(_LONGEST))
            self._told.close()
            cpu_clock.book(used)
        return self.returncode


def start(
    program: str,
    arguments: Sequence[str],
    *,
    env: Mapping[str, str],
    stdout: int,
    stderr: int,
    stdin: int | None = None,
    cwd: str = "",
    pass_fds: Sequence[int] = (),
    new_session: bool = False,
) -> Forked:
    """Starts one of the programs above, here unless `cwd` says where; without `stdin` there is nothing to read.
    `pass_fds` keep their numbers."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    request = {
        "program": program,
        "arguments": list(arguments),
        "env": dict(env),
        "cwd": cwd or os.getcwd(),
        "pass_fds": list(pass_fds),
        "new_session": new_session,
    }
    with theirs, open(os.devnull) as nothing:
        streams = [nothing.fileno() if stdin is None else stdin, stdout, stderr]
        socket.send_fds(_server(), [json.dumps(request).encode()], [theirs.fileno(), *streams, *pass_fds])
    return Forked(json.loads(ours.recv(_LONGEST)), ours)


@functools.cache
def _server() -> socket.socket:
    """The connection to this process's server, which ends with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        fd = theirs.fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fork_server", str(fd)],
            cwd=Path(__file__).parent.parent,
            stdin=subprocess.DEVNULL,
            pass_fds=(fd,),
            start_new_session=True,
        )
    atexit.register(process.wait, 10)
    atexit.register(ours.close)
    return ours


# --- the server ---


def _serve(asks: socket.socket) -> None:
    """Forks for every request until the asking side goes away. In a forked process: runs the program."""
    for program in (*_RUN, "onnxruntime"):
        importlib.import_module(_MAIN.get(program, program))
    from bms.cli.main import COMMANDS, load

    for name in COMMANDS:
        load(name)
    gc.collect()
    gc.freeze()
    running: dict[int, socket.socket] = {}
    signal.set_wakeup_fd((woken := os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC))[1], warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready = select.select([asks, woken[0]], [], [])[0]
        if woken[0] in ready:
            os.read(woken[0], 1 << 16)
            _tell_ends(running)
        if asks not in ready:
            continue
        data, fds, _, _ = socket.recv_fds(asks, _LONGEST, _FDS)
        if not data:
            return
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for each in (asks.fileno(), *woken, *(told.detach() for told in running.values())):
                os.close(each)
            _become(json.loads(data), fds)
        teller = socket.socket(fileno=fds[0])
        for fd in fds[1:]:
            os.close(fd)
        teller.send(json.dumps(pid).encode())
        running[pid] = teller


def _tell_ends(running: dict[int, socket.socket]) -> None:
    while running:
        pid, status, used = os.wait4(-1, os.WNOHANG)
        if pid == 0:
            return
        with running.pop(pid) as teller, contextlib.suppress(ConnectionError):
            teller.send(json.dumps([os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime]).encode())


def _become(request: dict[str, Any], fds: list[int]) -> None:
    """Runs the program that was asked for; ends the process."""
    if request["new_session"]:
        os.setsid()
    numbers = [0, 1, 2, *request["pass_fds"]]
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, max(*numbers, *fds) + 1) for fd in fds[1:]]
    for fd in fds:
        os.close(fd)
    for fd, number in zip(high, numbers, strict=True):
        os.dup2(fd, number)
        os.close(fd)
    # Those of the server know of their descriptors what is no longer so: whether they are files, or pipes.
    encoding = sys.stdout.encoding
    sys.stdin = open(0, encoding=encoding, closefd=False)
    sys.stdout = open(1, "w", encoding=encoding, closefd=False)
    sys.stderr = open(2, "w", 1, encoding=encoding, errors="backslashreplace", closefd=False)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    tempfile.tempdir = None
    time.tzset()
    program = sys.modules["__main__"] = importlib.import_module(_MAIN.get(request["program"], request["program"]))
    sys.argv = [program.__file__, *request["arguments"]]
    status: object = 0
    try:
        status = _RUN[request["program"]](program)
    except SystemExit as ended:
        status = ended.code
        if isinstance(status, str):
            print(status, file=sys.stderr)
    except BaseException:  # noqa: BLE001 - printed as the interpreter would
        traceback.print_exc()
        status = 1
    # As the interpreter ends, but without taking every module apart, which would copy all that the server shares.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else int(status is not None))


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
