"""A workload that means harm: does the one act its config names, or tries many things and says what came of each.

Tests call `attempt` themselves too, to see that what is denied inside works outside.
"""

import contextlib
import ctypes
import json
import os
import resource
import socket
import sys
import threading
import time
from pathlib import Path


def main() -> None:
    told = json.loads(Path(sys.argv[1]).read_text())
    config = told["config"]
    if "attempts" in config:
        said = {name: attempt(*what) for name, what in config["attempts"].items()}
        Path("said.new").write_text(json.dumps(said))
        Path("said.new").rename("said.json")
        time.sleep(config.get("seconds", 0))
    else:
        Path("began").touch()
        serving = {"path": told["places"]["socket"]} if config["act"] == "serve" else {}
        globals()[config["act"]](**serving, **config.get("with", {}))


def attempt(kind: str, *given: object) -> str:
    """ "done", or "denied" with the kernel's words."""
    try:
        answer = ATTEMPTS[kind](*given)
    except OSError as error:
        return f"denied: {error.strerror or error}"
    return "done" if answer is None else f"done: {answer}"


def serve(path: str) -> None:
    """A good neighbour: answers whoever connects."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(64)
        Path("ready").touch()
        while True:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):  # of one who left without asking
                connection.sendall(connection.recv(64))


def segfault() -> None:
    ctypes.string_at(0)


def allocate(step: int = 20_000_000) -> None:
    kept = []
    while True:
        kept.append(bytearray(step))
        kept[-1][::4096] = b"x" * len(kept[-1][::4096])


def share(step: int = 1 << 20) -> None:
    """Takes memory that no process seems to have: files in shared memory."""
    number = 0
    while True:
        number += 1
        with open(f"/dev/shm/{number}", "wb") as file:
            file.write(b"x" * step)


def fork() -> None:
    while True:
        try:
            os.fork()
        except OSError:
            time.sleep(0.05)


def escape() -> None:
    """Forks like `fork`, each child in a session of its own."""
    while True:
        try:
            if os.fork() == 0:
                os.setsid()
        except OSError:
            time.sleep(0.05)


def start_threads() -> None:
    while True:
        try:
            threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        except RuntimeError:
            time.sleep(0.05)


def spin(processes: int) -> None:
    for _ in range(processes - 1):
        if os.fork() == 0:
            break
    while True:
        pass


def fill(hidden: bool = False) -> None:
    """Fills its directory with many files."""
    folder = Path("filled")
    folder.mkdir()
    number = 0
    while True:
        number += 1
        (folder / str(number)).write_bytes(b"x" * 1_000_000)
        if hidden and number == 10:
            folder.chmod(0o300)


def grow() -> None:
    """Fills its directory with one file, and ends when it may not."""
    with open("one", "wb") as file:
        while True:
            file.write(b"x" * 1_000_000)


def _connect(family: int, address: object) -> None:
    with socket.socket(family) as connection:
        connection.settimeout(5)
        connection.connect(tuple(address) if isinstance(address, list) else address)


def _datagram(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect((host, port))
        sender.send(b"x")
        sender.settimeout(5)
        sender.recv(1)


def _pair_over_loopback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()


def _call(number: int, *given: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(ctypes.c_long(number), *(ctypes.c_long(each) for each in given)) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _sees(pid: int) -> None:
    if str(pid) not in os.listdir("/proc"):
        raise OSError(0, "not in the list")


def _limits(pid: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_CORE, (0, resource.prlimit(pid, resource.RLIMIT_CORE)[1]))


ATTEMPTS = {
    "tcp": lambda host, port: _connect(socket.AF_INET, [host, port]),
    "udp": _datagram,
    "unix": lambda path: _connect(socket.AF_UNIX, path),
    "abstract": lambda name: _connect(socket.AF_UNIX, "\0" + name),
    "loopback": _pair_over_loopback,
    "family": lambda family: socket.socket(family, socket.SOCK_RAW).close(),
    "list": lambda path: str(bool(os.listdir(path))),
    "read": lambda path: open(path, "rb").read(1).hex(),
    "write": lambda path: open(path, "ab").close(),
    "make": lambda path: Path(path).write_bytes(b"x").__str__(),
    "stat": lambda path: str(os.stat(path).st_size),
    "chmod": lambda path: os.chmod(path, 0o755),
    "touch": lambda path: os.utime(path),
    "signal": lambda pid: os.kill(pid, 0),
    "sees": _sees,
    "limits": _limits,
    "call": _call,
    "variable": lambda name: os.environ.get(name, ""),
    "host": lambda: os.uname().nodename,
}

if __name__ == "__main__":
    main()
