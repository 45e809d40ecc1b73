"""A whole platform on a home of its own, for end-to-end tests: started, looked into, hurt, ended with nothing left."""

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import httpx

from bms.app.home.directory import Home
from bms.app.supervisor.supervisor import running
from bms.sdk import Client
from bms.sdk.deployments import DeploymentSpec, DeploymentStatus, Target
from bms.sdk.models import NewVersion, Version
from bms.sdk.nouns.signatures import ImagePreprocess
from bms.sdk.tenants import NewKey
from tests.worlds.homes import prepare
from tests.worlds.platforms import Ran, RealPlatform, bms

T = TypeVar("T")
DATA = Path(__file__).parent.parent / "data"
DIGITS = DATA / "digits.onnx"
IMAGES = ImagePreprocess(input="x", mode="L", height=8, width=8, layout="flat")
PATIENCE_S = 60.0
_MARKS = ("BMS_HOME_SERVICE", "BMS_HOME_MARK")
_UNFINISHED = ("run/**/*.new", "objects/*/tmp/*", "cache/unpacking/*", "cache/trees/.building/*")
_RUNNING = ("run/endpoint.json", "run/processes.json", "run/supervisor.json")


def until(look: Callable[[], T], what: str, patience_s: float = PATIENCE_S) -> T:
    """What `look` gives as soon as it is true; fails when it never is. Each look costs the platform, too, so that they
    come less and less often."""
    end, wait_s = time.monotonic() + patience_s, 0.02
    while not (seen := look()):
        assert time.monotonic() < end, f"not within {patience_s:g} s: {what}"
        time.sleep(wait_s)
        wait_s = min(0.25, wait_s * 1.3)
    return seen


class WholePlatform(RealPlatform):
    """One that can be brought up again, and knows its processes. `folder` holds its home and its TMPDIR."""

    def __init__(self, folder: Path, *options: str) -> None:
        super().__init__(folder / "home")
        self.temporary = folder / "tmp"
        self.temporary.mkdir(exist_ok=True)
        self.place = Home(self.home)
        self.options = options
        self.port = 0

    def up(self, *options: str) -> Ran:
        """`bms up` in background on any free port; the command's words and status."""
        ran = bms(
            *("up", "--home", str(self.home), "--port", "0", "--detach", *self.options, *options),
            TMPDIR=str(self.temporary),
        )
        if ran.status == 0:
            self.port = int(self.url.rpartition(":")[2])
        return ran

    def down(self) -> None:
        """`bms down`, and nothing of the platform is left."""
        ended = bms("down", "--home", str(self.home))
        assert ended.status == 0, ended.errors
        left = self.left()
        assert not left, left

    def left(self) -> list[str]:
        """Every process, socket and unfinished file of this platform, in words."""
        return [
            *(f"process {pid}: {words}" for pid, words in self.processes().items()),
            *(f"socket {path}" for path in _unix_sockets() if path.startswith((str(self._sockets), str(self.home)))),
            *([f"port {self.port} is listened on"] if self.port in _listening_ports() else []),
            *([f"directory {self._sockets}"] if self._sockets.exists() else []),
            *(f"file {path}" for pattern in _UNFINISHED for path in self.home.glob(pattern)),
            *(f"file {name}" for name in _RUNNING if (self.home / name).exists()),
            *(f"temporary {path}" for path in self.temporary.iterdir()),
        ]

    def processes(self) -> dict[int, str]:
        """Command lines by pid of all that carries the home's mark, or was told its path."""
        found = {}
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                environment = _read(f"/proc/{name}/environ")
                command = _read(f"/proc/{name}/cmdline")
                marked = any(f"{mark}={self.place.mark}" in environment for mark in _MARKS)
                if int(name) != os.getpid() and (marked or str(self.home) in command):
                    found[int(name)] = " ".join(command)
        return found

    def pid(self, service: str) -> int:
        """Of control, gateway-0 …, or supervisor; 0 while it does not run."""
        seen = running(self.place)
        if seen is None:
            return 0
        if service == "supervisor":
            return seen.supervisor
        return next((each.pid for each in seen.services if each.name == service), 0)

    def workload_pid(self, id: str) -> int:
        """The process of a model server or job by its id; 0 where there is none."""
        for pid in self.processes():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if f"BMS_WORKLOAD={id}" in _read(f"/proc/{pid}/environ"):
                    return pid
        return 0

    def kill(self, pid: int) -> None:
        """kill -9 of one of this platform's processes, and it is gone."""
        assert pid in self.processes()
        os.kill(pid, signal.SIGKILL)
        until(lambda: pid not in self.processes(), f"the end of process {pid}")

    @property
    def _sockets(self) -> Path:
        """As `Home.run_dir` says, which would make it."""
        own = Path(f"/run/user/{os.getuid()}")
        below = own if own.is_dir() and os.access(own, os.W_OK) else Path("/tmp")
        return below / f"bms-{os.getuid()}-{self.place.mark}"


@contextlib.contextmanager
def whole_platform(folder: Path, *options: str) -> Iterator[WholePlatform]:
    """One that is ready; at the end it is stopped, and nothing of it is left."""
    platform = WholePlatform(folder, *options)
    prepare(platform.home)
    started = platform.up()
    assert started.status == 0, started.errors
    try:
        yield platform
    finally:
        platform.down()


def push(client: Client, model: str, path: Path = DIGITS, new: NewVersion | None = None) -> Version:
    """The next version of `model`, ready; by default it takes images, too."""
    made = client.models.upload(model, path, NewVersion(preprocess=IMAGES) if new is None else new)
    return client.models.wait_version(model, made.number, timeout_s=PATIENCE_S)


def new_key(platform: WholePlatform, name: str = "app", **options: object) -> NewKey:
    """A key that every gateway knows already: which of them takes a connection is chance, so many are made."""
    with platform.client() as client:
        made = client.keys.create(name, **options)  # type: ignore[arg-type]
    until(lambda: all(lists(platform, made) == 200 for _ in range(20)), "the new key is known to all gateways")
    return made


def lists(platform: WholePlatform, key: NewKey) -> int:
    """The status of a list of models asked for with the key, on a connection of its own; 0 without an answer."""
    headers = {"authorization": f"Bearer {key.text}"}
    try:
        return httpx.get(f"{platform.url}/v1/models", headers=headers, timeout=10, trust_env=False).status_code
    except httpx.TransportError:
        return 0


def deploy(client: Client, name: str, model: str, target: Target, **options: object) -> DeploymentStatus:
    """A deployment that serves all that is wanted."""
    client.deployments.put(name, DeploymentSpec(model=model, targets=[target], **options))  # type: ignore[arg-type]
    return client.deployments.wait_ready(name, timeout_s=PATIENCE_S)


def mirrored(folder: Path) -> Path:
    """The digits' model with another mind: its label is nine minus what it was. Same signature, other answers."""
    content = DIGITS.read_bytes()
    classes = bytes(range(10))
    assert content.count(classes) == 1
    path = folder / "mirrored.onnx"
    path.write_bytes(content.replace(classes, classes[::-1]))
    return path


def _read(path: str) -> list[str]:
    return Path(path).read_bytes().decode(errors="replace").split("\0")


def _unix_sockets() -> list[str]:
    lines = Path("/proc/net/unix").read_text().splitlines()[1:]
    return [fields[7] for line in lines if len(fields := line.split()) == 8]


def _listening_ports() -> set[int]:
    """Of IPv4 and IPv6 (proc(5): the local address in hexadecimal; state 0A listens)."""
    text = "".join(path.read_text() for name in ("tcp", "tcp6") if (path := Path("/proc/net") / name).exists())
    return {int(port, 16) for port in re.findall(r"^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) \S+ 0A", text, re.MULTILINE)}
