"""The command `bms` for shell scripts of tests: forked from a process that has imported it all (`fork_server`).

A page of the documents has dozens of commands, each of which computes half a second before it does anything.
`tests/e2e/test_readme.py` types those of the README the plain way.
"""

import contextlib
import json
import os
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from tests import fork_server

_LONGEST = 1 << 17  # bytes of a request
_COMMAND = """#!{python} -IS
import json, os, socket, sys

asks = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
asks.connect({place!r})
request = {{"arguments": sys.argv[1:], "env": dict(os.environ), "cwd": os.getcwd()}}
socket.send_fds(asks, [json.dumps(request).encode()], [0, 1, 2])
os._exit(int(asks.recv(64)))
"""


@contextlib.contextmanager
def quick_bms() -> Iterator[Path]:
    """A folder for the beginning of PATH; its command has arguments, environment, directory, standard streams and exit
    status like any other."""
    with (
        tempfile.TemporaryDirectory(prefix="bms-quick-") as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener,
    ):
        place = f"{folder}/asks"
        listener.bind(place)
        listener.listen()
        command = Path(folder, "bin", "bms")
        command.parent.mkdir()
        command.write_text(_COMMAND.format(python=sys.executable, place=place))
        command.chmod(0o755)
        listening = threading.Thread(target=_listen, args=(listener,), daemon=True)
        listening.start()
        try:
            yield command.parent
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            listening.join()


def _listen(listener: socket.socket) -> None:
    while True:
        try:
            asked, _ = listener.accept()
        except OSError:  # it was shut down
            return
        threading.Thread(target=_run, args=(asked,), daemon=True).start()


def _run(asked: socket.socket) -> None:
    with asked:
        content, streams, _, _ = socket.recv_fds(asked, _LONGEST, 3)
        request = json.loads(content)
        process = fork_server.start(
            fork_server.COMMAND,
            request["arguments"],
            env=request["env"],
            cwd=request["cwd"],
            stdin=streams[0],
            stdout=streams[1],
            stderr=streams[2],
        )
        for fd in streams:
            os.close(fd)
        status = process.wait()
        with contextlib.suppress(OSError):  # whoever asked was ended
            asked.send(str(status if status >= 0 else 128 - status).encode())
