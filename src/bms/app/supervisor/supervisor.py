"""Keeps services alive: starts or adopts them, restarts what ends, announces readiness, ends them in order."""

import asyncio
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from bms.app.exit_codes import ExitCode, Refusal
from bms.app.home.directory import Home, write_private
from bms.app.settings import UpSettings, service_environment
from bms.app.supervisor import services
from bms.app.supervisor.listening import url_of
from bms.app.supervisor.log_files import cap, tail
from bms.app.supervisor.readiness import answers_ready, listens
from bms.app.supervisor.restarts import RestartPolicy, Restarts
from bms.app.supervisor.service_list import CONTROL_SOCKET, list_services
from bms.app.supervisor.services import Child, Service, ServiceRecord

# What control ends with where another start would end no better: it says why in its last line.
_REFUSES = {int(code): code for code in (ExitCode.NEWER_SCHEMA, ExitCode.CONFLICT)}

READY_POLL_S = 0.03
LOG_CAP_S = 5.0
CONTROL_STOP_S = 10.0


class RunningServices(msgspec.Struct, frozen=True, kw_only=True):
    """The file HOME/run/processes.json: the running services, for the next supervisor and for `bms status`."""

    url: str
    supervisor: int
    services: tuple[ServiceRecord, ...]


@dataclass(frozen=True)
class PlatformReady:
    """The announcement that the platform answers at `url`, `seconds` after the supervisor began."""

    url: str
    seconds: float


def running(home: Home) -> RunningServices | None:
    """What was last written down; the processes may be gone."""
    try:
        return msgspec.json.decode((home.run / "processes.json").read_bytes(), type=RunningServices)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def recorded_services(home: Home) -> tuple[ServiceRecord, ...]:
    seen = running(home)
    return seen.services if seen else ()


class Supervisor:
    """Supervises one platform on one machine, for as long as `run` runs."""

    def __init__(
        self,
        home: Home,
        settings: UpSettings,
        listening: socket.socket,
        adopted: Sequence[ServiceRecord] = (),
        policy: RestartPolicy | None = None,
    ) -> None:
        self._home = home
        self._settings = settings
        self._url = url_of(listening, settings.scheme)
        self._listening = listening
        self._services = list_services(home, settings, listening)
        self._environment = service_environment(home.mark)
        self._policy = policy or RestartPolicy()
        self._adopted = adopted
        self._children: dict[str, Child] = {}
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._was_ready = bool(adopted)
        self._begun = time.monotonic()

    async def run(self, on_ready: Callable[[PlatformReady], None]) -> None:
        """Runs until it is told to stop and gateways and control have ended.

        Raises Refusal when a service can't be brought to run in the first place; then, too, none is left.
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._on_signal)
        self._children = {record.name: child for record in self._adopted if (child := services.adopt(record))}
        try:
            async with asyncio.TaskGroup() as tasks:
                keeping = [tasks.create_task(self._keep(service)) for service in self._services]
                watching = [tasks.create_task(self._announce(on_ready)), tasks.create_task(self._cap_logs())]
                await self._stopping.wait()
                for task in watching:
                    task.cancel()
                await self._stop()
                for task in keeping:
                    task.cancel()
        except ExceptionGroup as failures:
            await self._stop()
            raise failures.exceptions[0] from None

    def _on_signal(self) -> None:
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()

    async def _keep(self, service: Service) -> None:
        """Keeps one service running, from its start or adoption to the platform's end."""
        restarts = Restarts(self._policy)
        child = self._children.get(service.name)
        while True:
            begun = time.monotonic()
            if child is None and (child := self._start(service)) is None:
                await asyncio.sleep(self._policy.longest_wait_s)
                continue
            child.watch()
            self._children[service.name] = child
            self._write_down()
            await child.gone.wait()
            status, child = child.status(), None
            if self._stopping.is_set():
                return
            self._say(f"{service.name} ended ({ending_text(status)}); see {service.log}")
            if status in _REFUSES and not self._was_ready:
                raise Refusal(_REFUSES[status], tail(service.log).splitlines()[-1].removeprefix("bms control: "))
            wait = restarts.wait_after(time.monotonic() - begun, self._was_ready)
            if wait is None:
                words = tail(service.log)
                error_line = words.rstrip().rpartition("\n")[2].partition(f"bms {service.name}: ")[2]
                raise Refusal(
                    ExitCode.KEEPS_FAILING,
                    f"{service.name} ended {restarts.failures} times at its start, last with {ending_text(status)}"
                    + (f": {error_line}" if error_line else f". The end of {service.log}:\n{words}"),
                )
            await asyncio.sleep(wait)

    def _start(self, service: Service) -> Child | None:
        """Starts a service; None when the machine can't right now, on a platform that was ready; raises OSError on a
        new one."""
        try:
            return services.start(service, self._environment, self._home.root)
        except OSError as error:
            if not self._was_ready:
                raise
            self._say(f"{service.name} can't be started now: {error}")
            return None

    async def _announce(self, on_ready: Callable[[PlatformReady], None]) -> None:
        host, port = self._listening.getsockname()[:2]
        while True:
            if (
                await listens(self._home.sockets / CONTROL_SOCKET)
                and self._all_know()
                and await answers_ready(host, port, tls=self._settings.scheme == "https")
            ):
                break
            await asyncio.sleep(READY_POLL_S)
        self._was_ready = True
        endpoint = {"url": self._url, "pid": self._own_pid(), "certificate": self._settings.tls_certificate or None}
        write_private(self._home.endpoint, msgspec.json.encode(endpoint))
        on_ready(PlatformReady(self._url, time.monotonic() - self._begun))

    def _all_know(self) -> bool:
        """Whether every gateway has a snapshot: a request on the shared socket reaches only one of them."""
        return all(self._home.snapshot(slot).exists() for slot in range(self._settings.gateways))

    async def _cap_logs(self) -> None:
        while True:
            await asyncio.sleep(LOG_CAP_S)
            for path in self._home.logs.glob("*.log"):
                if await asyncio.to_thread(cap, path):
                    self._say(f"{path} was full: its content is in {path}.1")

    async def _stop(self) -> None:
        """Ends gateways first, so that they answer what they have accepted; then control."""
        self._stopping.set()
        gateways = [child for name, child in self._children.items() if name != "control"]
        await self._end(gateways, self._settings.drain_s)
        await self._end([child for name, child in self._children.items() if name == "control"], CONTROL_STOP_S)

    async def _end(self, children: list[Child], grace_s: float) -> None:
        for child in children:
            child.send(signal.SIGTERM)
        gone: asyncio.Future[Any] = asyncio.gather(*(child.gone.wait() for child in children))
        hurried: asyncio.Future[Any] = asyncio.create_task(self._hurry.wait())
        await asyncio.wait([gone, hurried], timeout=grace_s, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        for child in children:
            child.send(signal.SIGKILL)
        await gone

    def _write_down(self) -> None:
        records = tuple(child.record(name) for name, child in self._children.items() if not child.gone.is_set())
        state = RunningServices(url=self._url, supervisor=self._own_pid(), services=records)
        try:
            write_private(self._home.run / "processes.json", msgspec.json.encode(state))
        except OSError as error:
            if not self._was_ready:
                raise
            self._say(f"what runs can't be written down: {error}")

    def _own_pid(self) -> int:
        holder = self._home.holder()
        assert holder is not None  # written before anything runs
        return holder.pid

    def _say(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def ending_text(status: int | None) -> str:
    """The exit status for people."""
    if status is None:
        return "unseen"
    return f"status {status}" if status >= 0 else f"killed by {signal.Signals(-status).name}"
