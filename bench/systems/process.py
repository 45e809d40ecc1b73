"""A server of one process, started on the server's core and asked until it answers."""

import os
import socket
import subprocess
import time
from collections.abc import Sequence

from measuring.machine import SERVER_CORE
from measuring.platform import quiet_environment

from systems import Missing

PATIENCE_S = 20.0


class Server:
    """One child process that listens on `port`."""

    def __init__(self, command: Sequence[str], port: int, name: str) -> None:
        self.port = port
        self._process = subprocess.Popen(
            command,
            env=quiet_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
        )
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except ConnectionRefusedError:
                if self._process.poll() is not None or time.monotonic() > end:
                    self._process.kill()
                    said = self._process.communicate()[1].decode(errors="replace")
                    raise Missing(f"{name} did not start: {said[-400:]}") from None
                time.sleep(0.02)

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()
