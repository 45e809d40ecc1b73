"""A tenant's job that tries to reach what is not its own, and says what came of each attempt."""

import ctypes
import multiprocessing
import os
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
from multiprocessing import shared_memory
from pathlib import Path


def main(job):
    given = job.parameters
    return {
        "denied": {name: _tried(attempt) for name, attempt in _attacks(given).items()},
        "works": {name: _tried(attempt) for name, attempt in _own_work(job, given).items()},
    }


def _tried(attempt):
    try:
        answer = attempt()
    except OSError as error:
        return f"denied: {error.strerror or error}"
    return f"done: {str(answer)[:80]}"


def _attacks(given):
    home, control = Path(given["home"]), given["control"]
    attacks = {
        "list the home": lambda: os.listdir(home),
        "make a file in the home": lambda: (home / "mine").write_text("x"),
        "change the database": lambda: (home / "bms.db").open("r+b"),
        "truncate the database": lambda: os.truncate(home / "bms.db", 0),
        "remove the database": lambda: (home / "bms.db").unlink(),
        "link to the key": lambda: os.link(home / "admin.key", "key"),
        "move the key here": lambda: (home / "admin.key").rename("key"),
        "read through a link": lambda: _through_a_link(home / "admin.key"),
        "read as a child process": lambda: _as_a_child(home / "admin.key"),
        "read through a shell": lambda: _as_a_shell(home / "admin.key"),
        "write into the slim part": lambda: Path(given["slim"], "bms", "core", "ids.py").write_bytes(b""),
        "write into the interpreter's packages": lambda: Path(given["packages"], "evil.pth").write_text("x"),
        "write into another environment": lambda: Path(given["environment"], "evil.pth").write_text("x"),
        "list the sockets": lambda: os.listdir(given["sockets"]),
        "replace a socket": lambda: Path(given["sockets"], "bus.sock").unlink(),
        "ask another tenant's model server": lambda: _asked(given["model_servers"]),
        "list shared memory": lambda: os.listdir("/dev/shm"),
        "signal control": lambda: os.kill(control, 0),
        "end control": lambda: os.kill(control, signal.SIGKILL),
        "end another tenant's process": lambda: os.kill(given["neighbour"], signal.SIGKILL),
        "trace control": lambda: _traced(control),
        "make a device": lambda: os.mknod("disk", 0o60000 | 0o600, os.makedev(254, 0)),
    }
    for name in ("secrets", "objects", "journal", "logs", "cache/trees"):
        attacks[f"list {name}"] = lambda name=name: os.listdir(home / name)
    for name in given["files"]:
        attacks[f"read {name}"] = lambda name=name: Path(name).read_bytes()[:1]
    for name in ("environ", "mem", "maps", "fd/1", "root/etc", "cwd/lock"):
        attacks[f"read control's {name}"] = lambda name=name: _read_any(Path("/proc", str(control), name))
        attacks[f"read a neighbour's {name}"] = lambda name=name: _read_any(
            Path("/proc", str(given["neighbour"]), name)
        )
    return attacks


def _own_work(job, given):
    return {
        "read an input": lambda: (job.inputs["data"] / given["input"]).read_bytes(),
        "read its code": lambda: Path(__file__).read_text(),
        "a /tmp of its own": lambda: Path("/tmp/bms-evil").write_text("x"),
        "temporary files": lambda: tempfile.NamedTemporaryFile().write(b"x"),
        "move between directories": lambda: _moved(job.output),
        "shared memory": _shared,
        "processes that share a lock": _locked_by_children,
        "threads": _threads,
        "a program of its own": lambda: subprocess.run([sys.executable, "-c", "print(1)"], check=True).returncode,
        "sockets of its own": _own_sockets,
        "certificates": lambda: ssl.create_default_context().cert_store_stats(),
        "names of hosts": lambda: socket.getaddrinfo("localhost", 80),
        "signals to its own": lambda: os.kill(os.getpid(), 0),
    }


def _read_any(path):
    return os.listdir(path) if path.is_dir() else path.open("rb").read(1)


def _through_a_link(target):
    os.symlink(target, "link")
    return Path("link").read_bytes()


def _as_a_child(path):
    code = f"import sys\ntry: open({str(path)!r})\nexcept OSError: sys.exit(13)"
    if subprocess.run([sys.executable, "-c", code], check=False).returncode == 13:
        raise PermissionError(13, "in a child")


def _as_a_shell(path):
    if subprocess.run(["/bin/sh", "-c", f"cat {path}"], check=False).returncode:
        raise PermissionError(13, "in a shell")


def _traced(pid):
    attach = 16
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(attach, pid, None, None) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _moved(output):
    Path("made").write_text("x")
    Path("made").rename(output / "made")


def _asked(paths):
    """Without a root of its own it can connect to the sockets it was told of; what they ask for it does not know."""
    status = struct.pack("<QIB3xQ", 0, 0, 4, 1)
    heard = []
    for path in paths:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(path)
            connection.sendall(status)
            heard.append(connection.recv(100))
    if any(heard):
        return heard
    raise PermissionError(13, "closed without a word")


def _shared():
    memory = shared_memory.SharedMemory(create=True, size=4096)
    memory.buf[0] = 1
    memory.close()
    memory.unlink()


def _add(lock, total):
    with lock:
        total.value += 1


def _locked_by_children():
    context = multiprocessing.get_context("spawn")
    lock, total = context.Lock(), context.Value("i", 0)
    children = [context.Process(target=_add, args=(lock, total)) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    if total.value != 2:
        raise OSError(0, f"{total.value} of 2 children worked")


def _threads():
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()


def _own_sockets():
    path = os.path.join(tempfile.mkdtemp(), "s")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        os.chdir(os.path.dirname(path))
        server.bind("s")
        server.listen()
        client.connect("s")
    os.chdir(Path(path).parents[2])
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
