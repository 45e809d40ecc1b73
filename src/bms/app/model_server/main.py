"""The model server: `python -m bms.app.model_server CONFIG.json` loads one version and answers frames on its socket.

It starts in any environment that has NumPy and msgspec beside the model's own requirements. Exit status: 0 after a
drain, 1 when the model can't be loaded, 64 or 78 for a config or socket that can't be used; stderr says why.
"""

import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
import socket
import stat
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import msgspec

from bms.adapters.runtimes.available import open_servable
from bms.app.model_server.accepting import Acceptor
from bms.app.model_server.preparing import plan_for
from bms.app.process import startup as process
from bms.core.clock import SystemClock
from bms.core.errors import BmsError, FailedPrecondition, Unavailable
from bms.core.workloads.programs import ARTIFACT, ENGINES, ModelServerConfig, Places, ServableStatus, StdinSecrets
from bms.serving.inference.batching.policy import warm_up_sizes
from bms.serving.inference.batching.worker import Worker
from bms.serving.inference.connection import FrameConnection
from bms.serving.inference.plan import Plan
from bms.serving.inference.preparation.prepared import for_runtime
from bms.serving.inference.row_independence import LARGE
from bms.serving.inference.service import InferenceService
from bms.serving.lifecycle.loader import Loaded, load
from bms.serving.lifecycle.states import Lifecycle

FLUSH_S = 1.0
STUCK_S = 10.0  # a run that goes on for so long after everybody left never ends: a new process serves better
LOOK_S = 1.0
LINGER_S = 2.0  # after a failed load: long enough for whoever waits for this replica to read why
_log = logging.getLogger("bms.model_server")


def main() -> int:
    """Runs until the drain is over; returns the exit status."""
    config, places = process.begin(ModelServerConfig, sys.argv)
    sealed = process.stdin_secrets()
    _write_logs()
    if not sealed.token:
        _log.error("can't start", extra={"fields": {"reason": "no token was handed over by the standard input"}})
        return process.CONFIG
    try:
        config = _at_home(config, places)
        listener = listen(places.socket)
    except FailedPrecondition as error:
        _log.error("can't start", extra={"fields": {"reason": error.message}})
        return process.CONFIG
    try:
        with asyncio.Runner(loop_factory=process.event_loop) as runner:
            status, abandoned = runner.run(_serve(config, sealed, listener))
    finally:
        listener.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(places.socket)
    if abandoned:  # no way to end a thread: end without it
        logging.shutdown()
        os._exit(status)
    return status


def _at_home(config: ModelServerConfig, places: Places) -> ModelServerConfig:
    """The config with the directory of the version's files. Raises FailedPrecondition where none was handed over."""
    if ARTIFACT not in places.trees:
        raise FailedPrecondition(f"no directory {ARTIFACT!r} was handed over: expected the version's files there")
    servable = msgspec.structs.replace(config.servable, directory=places.trees[ARTIFACT])
    return msgspec.structs.replace(config, servable=servable)


async def _serve(config: ModelServerConfig, sealed: StdinSecrets, listener: socket.socket) -> tuple[int, bool]:
    server = ModelServer(config, sealed, asyncio.get_running_loop())
    status = await server.run(listener)
    return status, server.abandoned()


def listen(path: str) -> socket.socket:
    """A listening socket at `path`, for its owner only. What a dead process left there is replaced.

    Raises FailedPrecondition when somebody listens there, or when the path can't be used.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        if os.path.exists(path) and stat.S_ISSOCK(os.stat(path).st_mode):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
                if trial.connect_ex(path) == 0:
                    raise FailedPrecondition(f"another process listens on {path}: stop it, or use another path")
            os.unlink(path)
        listener.bind(path)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise FailedPrecondition(f"can't listen on {path}: {error.strerror or error}") from error
    except BmsError:
        listener.close()
        raise
    finally:
        os.umask(mask)
    return listener


def resident_bytes() -> int:
    """Resident memory of this process."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class ModelServer:
    """One model server's life: load, serve, drain. `status` answers all the while."""

    def __init__(self, config: ModelServerConfig, sealed: StdinSecrets, loop: asyncio.AbstractEventLoop) -> None:
        self._config = config
        self._sealed = sealed
        self._loop = loop
        self._started_at = time.time_ns()
        self._lifecycle = Lifecycle()
        self._connections: set[FrameConnection] = set()
        self._signals: asyncio.Queue[int] = asyncio.Queue()
        self._worker = Worker(loop)
        self._preparing = ThreadPoolExecutor(max(1, config.servable.threads), "preparing")
        self._service = InferenceService(
            loop=loop,
            clock=SystemClock(),
            worker=self._worker,
            preparing=self._preparing,
            lifecycle=self._lifecycle,
            batching=config.batching,
        )

    async def run(self, listener: socket.socket) -> int:
        """Serves on `listener` until SIGTERM or SIGINT, or until loading fails; returns the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._signals.put_nowait, number)
        acceptor = Acceptor(self._loop, listener, self._connection, self._sealed.token)
        self._lifecycle.move("LOADING")
        self._worker.submit("loading the model", self._load, self._loaded)
        watching = asyncio.ensure_future(self._watch())
        await self._signals.get()
        watching.cancel()
        failed = self._lifecycle.state == "END"
        if failed:
            await self._signalled(LINGER_S)
        else:
            await self._drain()
        acceptor.close()
        closing = [connection.closed for connection in self._connections]
        for connection in list(self._connections):
            connection.close()
        if closing:  # what was written last may still have to go out
            await asyncio.wait(closing, timeout=FLUSH_S)
        self._service.close()
        self._preparing.shutdown(wait=False, cancel_futures=True)
        return 1 if failed else 0

    async def _watch(self) -> None:
        """Ends this process when its model does not return from a run."""
        while self._service.unattended_s < STUCK_S:
            if not self._service.unattended_s:
                self._service.left.clear()
                await self._service.left.wait()
            await asyncio.sleep(LOOK_S)  # a thread that hangs sets no event
        self._lifecycle.fail(f"a run still went on {STUCK_S:g} s after all who waited for it had gone")
        _log.error("gave up", extra={"fields": {"reason": self._lifecycle.error}})
        self._signals.put_nowait(0)

    def abandoned(self) -> bool:
        """Whether the model's thread is still inside a run that does not return, at the end."""
        return not self._worker.stop(0.2)

    def status(self) -> ServableStatus:
        """The server's status, as it answers to health checks."""
        metrics, config, memory = self._service.metrics, self._config, resident_bytes()
        in_flight = self._service.inflight.in_flight
        return ServableStatus(
            replica=config.replica,
            state=self._lifecycle.state,
            started_at=self._started_at,
            error=self._lifecycle.error,
            requests=metrics.requests,
            rows=metrics.rows,
            batches=metrics.batches,
            errors=sum(metrics.errors.values()),
            in_flight=in_flight,
            compute_ns=metrics.compute_ns,
            memory=memory,
            metrics=metrics.text(
                replica=config.replica,
                model=config.servable.model,
                version=config.servable.version,
                in_flight=in_flight,
                memory=memory,
            ),
        )

    def _connection(self, shared: memoryview | None) -> FrameConnection:
        return FrameConnection(self._service, self.status, self._connections, self._leaving, shared)

    def _leaving(self) -> bool:
        return self._lifecycle.state in ("UNLOADING", "END")

    def _load(self) -> tuple[Loaded, Plan | None]:
        config = self._config
        loaded = load(
            lambda: open_servable(msgspec.structs.replace(for_runtime(config.servable), sealed=self._sealed)),
            warmup_runs=config.warmup_runs,
            # An engine joins no requests, and where it asks others each row may have its price.
            sizes=(1,) if config.servable.runtime in ENGINES else warm_up_sizes(config.batching),
            clock=SystemClock(),
            # What verification proved; where the deployment says which numbers of rows may run, all of those must.
            surely=None if config.batching.sizes else LARGE,
        )
        for name, why in loaded.limits.items():
            _log.warning("runs fewer rows together", extra={"fields": {"signature": name, "reason": why}})
        plan = plan_for(config.servable, loaded.servable.signatures)
        # What is loaded stays: the collector need not look through it again and again while requests wait.
        gc.collect()
        gc.freeze()
        return loaded, plan

    def _loaded(self, made: tuple[Loaded, Plan | None] | None, error: BmsError | None) -> None:
        if self._lifecycle.state != "LOADING":  # told to stop while it loaded
            return
        if made is None:
            self._lifecycle.fail(error.message if error else "the model could not be loaded")
            _log.error("could not load", extra={"fields": {"reason": self._lifecycle.error}})
            self._signals.put_nowait(0)
            return
        loaded, plan = made
        servable = loaded.servable
        self._service.serve(servable, plan, loaded.runs)
        self._lifecycle.move("AVAILABLE")
        took = (time.time_ns() - self._started_at) / 1e9
        _log.info("available", extra={"fields": {"format": servable.format, "seconds": round(took, 3)}})

    async def _drain(self) -> None:
        self._lifecycle.move("UNLOADING")
        in_flight = self._service.inflight.in_flight
        _log.info("draining", extra={"fields": {"in_flight": in_flight}})
        for connection in self._connections:
            connection.go_away()
        idle = asyncio.ensure_future(self._service.drained())
        hurry = asyncio.ensure_future(self._signals.get())
        await asyncio.wait((idle, hurry), timeout=self._config.drain_s, return_when=asyncio.FIRST_COMPLETED)
        idle.cancel()
        hurry.cancel()
        for connection in self._connections:
            for batch in list(connection.open.values()):
                self._service.refuse(batch, Unavailable("this model server ended before the model had answered"))
        self._lifecycle.move("END")

    async def _signalled(self, timeout_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._signals.get()


class _JsonLines(logging.Formatter):
    """A log formatter: one JSON object a line. A record's `fields` become part of it."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def _write_logs() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.captureWarnings(True)
