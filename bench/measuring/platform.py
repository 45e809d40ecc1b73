"""A real platform in a home of its own: `bms up`, the digits model pushed and deployed."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from bms.app.home.directory import Home
from bms.app.supervisor.memory import Resident, resident
from bms.sdk import Client
from bms.sdk.deployments import DeploymentSpec, Target
from measuring.machine import DIGITS
from measuring.requests import oip_json

BMS = Path(sys.executable).with_name("bms")
READY_S = 30.0
QUIET = {  # each name is documented by the library that it silences
    "ORT_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "BENTOML_DO_NOT_TRACK": "True",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


class Platform:
    """`with Platform() as platform:` runs one, and leaves nothing behind."""

    def __init__(self, gateways: int = 1, home: Path | None = None, source: Path | None = None) -> None:
        """`source` is another checkout's folder `src`, whose code is run by this one's interpreter and libraries."""
        self._command = [str(BMS)]
        self._environment = None
        if source is not None:
            self._command = [sys.executable, "-c", "from bms.cli.main import run; run()"]
            self._environment = {**os.environ, "PYTHONPATH": str(source)}
        self._own = home is None
        self.home = home or Path(tempfile.mkdtemp(prefix="bms-bench-"))
        self.gateways = gateways
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.up()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def up(self) -> float:
        """Starts it; seconds from the command to the first 200 of /v2/health/ready."""
        self.port = free_port()
        command = [*self._command, "up", "--home", str(self.home), "--port", str(self.port)]
        with (self.home.parent / f"{self.home.name}.out").open("wb") as output:
            began = time.perf_counter()
            self._process = subprocess.Popen(
                [*command, "--gateways", str(self.gateways)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env=self._environment,
            )
        return self.await_ok("GET", "/v2/health/ready", b"", began)

    def down(self) -> None:
        """As Ctrl-C does."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def remove(self) -> None:
        self.down()
        if self._own:
            shutil.rmtree(self.home, ignore_errors=True)
            (self.home.parent / f"{self.home.name}.out").unlink(missing_ok=True)

    def await_ok(self, method: str, path: str, body: bytes, began: float) -> float:
        """Asks until the answer is 200; seconds since `began`. Raises RuntimeError after READY_S."""
        head = f"{method} {path} HTTP/1.1\r\nhost: bench\r\nconnection: close\r\ncontent-length: {len(body)}\r\n"
        if path.startswith("/v2/models"):
            head += f"authorization: Bearer {self.key}\r\n"
        while time.perf_counter() - began < READY_S:
            try:
                with socket.create_connection(("127.0.0.1", self.port), READY_S) as connection:
                    connection.sendall(head.encode() + b"\r\n" + body)
                    if connection.recv(64).startswith(b"HTTP/1.1 200 "):
                        return time.perf_counter() - began
            except ConnectionError:
                pass  # not yet listening
            time.sleep(0.003)
        raise RuntimeError(f"the platform was not ready within {READY_S:.0f} s: see {self.home}/logs")

    @property
    def key(self) -> str:
        return (self.home / "admin.key").read_text().strip()

    def client(self) -> Client:
        return Client(f"http://127.0.0.1:{self.port}", self.key)

    def push(self, name: str = "digits", path: Path = DIGITS) -> int:
        """One more verified version of the digits model, or of another ONNX file; its number."""
        with self.client() as client:
            version = client.models.upload(name, path)
            return client.models.wait_version(name, version.number).number

    def deploy(
        self, name: str = "digits", *, alias: str | None = None, keep_previous_s: float | None = None, version: int = 1
    ) -> None:
        """Serves a version, or follows an alias, by one replica, with room for all connections of a benchmark."""
        target = Target(alias=alias) if alias else Target(version=version)
        spec = DeploymentSpec(model=name, targets=(target,), max_in_flight=4096, keep_previous_s=keep_previous_s)
        with self.client() as client:
            client.deployments.put(name, spec)
            client.deployments.wait_ready(name)
        if name != "digits":  # whose bytes are known here
            return
        request = oip_json(self.port, self.key, name)  # the gateway may hear of it a moment after control says so
        self.await_ok("POST", request.path, request.body, time.perf_counter())

    def processes(self) -> tuple[Resident, ...]:
        """Every process of the home, with its proportional memory."""
        return resident(Home(self.home))

    def pids(self) -> dict[str, list[int]]:
        """By part: supervisor, control, gateway, model server."""
        found: dict[str, list[int]] = {}
        for process in self.processes():
            found.setdefault(part_of(process.name), []).append(process.pid)
        return found


def part_of(name: str) -> str:
    """The part of the platform that a process of this name is."""
    if name.startswith("gateway"):
        return "gateway"
    return name if name in ("supervisor", "control") else "model server"


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port


def quiet_environment() -> dict[str, str]:
    """For processes of other systems: as we are, without libraries that report home."""
    return {**os.environ, **QUIET}
