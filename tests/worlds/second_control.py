"""A second control of a running platform's home, with a gateway of its own: what another machine would have.

The home, its database and the node agent are those of the platform; sockets, port and journal are its own.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from bms.app.settings import service_environment
from bms.core.errors import BmsError
from bms.sdk import Client
from bms.sdk.retries import RetryPolicy
from tests.worlds.whole_platform import WholePlatform, until

SLOT = 7  # of its gateway; the platform's own count from 0
STOP_S = 20.0


class SecondControl:
    """`start` begins control and gateway, `kill` ends control as by a power cut, `stop` both in good order."""

    def __init__(self, platform: WholePlatform) -> None:
        self._platform = platform
        self._folder = Path(tempfile.mkdtemp(prefix="bms-second-", dir="/tmp"))
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._control: subprocess.Popen[bytes] | None = None
        self._gateway: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def client(self, retries: RetryPolicy | None = None) -> Client:
        return Client(self.url, self._platform.key, retries=retries or RetryPolicy())

    @property
    def logs(self) -> str:
        """The last of what both processes said."""
        return "".join(path.read_text()[-4000:] for path in sorted(self._folder.glob("*.log")))

    def start(self) -> None:
        self.start_control()
        config = self._config("gateway-0", slot=SLOT, listen_fd=self._listening.fileno())
        config["directory"] = str(self._platform.place.journal(SLOT))
        self._gateway = self._started("gateway", config, self._listening.fileno())
        self.wait()

    def start_control(self) -> None:
        own = {"name": "second", "listen_fd": None, "supervisor_pid": None, "supervisor_command": ()}
        self._control = self._started("control", self._config("control", run_dir=str(self._folder), **own))

    def wait(self) -> None:
        """Returns when control answers through the gateway."""
        try:
            until(self.answers, "the second control answers")
        except AssertionError as error:
            error.add_note(self.logs)
            raise

    def answers(self) -> bool:
        assert self._control is not None
        assert self._control.poll() is None, self.logs
        try:
            with self.client(RetryPolicy(attempts=1)) as client:
                return bool(client.tenants.whoami().tenant)
        except BmsError:
            return False

    def kill(self) -> None:
        """kill -9 of control alone."""
        assert self._control is not None
        self._control.kill()
        self._control.wait(STOP_S)

    def stop(self) -> None:
        for process in (self._gateway, self._control):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in (self._gateway, self._control):
            if process is not None:
                process.wait(STOP_S)
        self._listening.close()
        shutil.rmtree(self._folder)

    def _config(self, of: str, **own: object) -> dict[str, Any]:
        """What the platform's own process of that name was told, with other sockets."""
        config: dict[str, Any] = msgspec.json.decode((self._platform.home / "run" / f"{of}.json").read_bytes())
        sockets = {name: str(self._folder / f"{name}.sock") for name in ("control_socket", "bus_socket")}
        return {**config, **sockets, **own}

    def _started(self, name: str, config: dict[str, Any], *fds: int) -> subprocess.Popen[bytes]:
        path = self._folder / f"{name}.json"
        path.write_bytes(msgspec.json.encode(config))
        with (self._folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", f"bms.app.{name}", str(path)],
                env=service_environment("of a second control", {**os.environ}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=fds,
                start_new_session=True,
                umask=0o077,
            )


@contextlib.contextmanager
def second_control(platform: WholePlatform) -> Iterator[SecondControl]:
    second = SecondControl(platform)
    try:
        second.start()
        yield second
    finally:
        second.stop()
