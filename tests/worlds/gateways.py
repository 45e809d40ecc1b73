"""A real gateway process for tests, with a bus it believes to be control's."""

import asyncio
import json
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from bms.core.access.credentials import KeyText, new_key, secret_digest
from bms.core.serving.snapshot import DeploymentEntry, Entry, KeyEntry, ReplicaAddress, ServedVersion, SnapshotUpdate
from bms.core.usage import UsageEvent
from bms.protocols.bus import (
    Applied,
    FromGateway,
    GatewayHello,
    GatewayStats,
    ReplicaDown,
    UsageAck,
    UsageBatch,
    encode,
    from_gateway,
    message_reader,
)
from tests import fork_server
from tests.peers.frames_server import SIGNATURES, RunningServer

PEPPER = b"p" * 32


def key(tenant: str = "acme", **changes: object) -> tuple[KeyText, KeyEntry]:
    """A fresh key and its entry; a developer's unless changed."""
    text = new_key()
    fields: dict[str, object] = {
        "id": text.key_id,
        "tenant": tenant,
        "user": "u",
        "role": "developer",
        "scopes": frozenset(),
        "digest": secret_digest(PEPPER, text.secret),
    }
    return text, KeyEntry(**{**fields, **changes})  # type: ignore[arg-type]


def version(number: int, *sockets: str, weight: int = 100, **changes: object) -> ServedVersion:
    fields: dict[str, object] = {
        "number": number,
        "state": "AVAILABLE",
        "signatures": SIGNATURES,
        "replicas": tuple(ReplicaAddress(id=f"rep_{path}", address=f"unix:{path}") for path in sockets),
        "weight": weight,
        "platform": "onnx",
    }
    return ServedVersion(**{**fields, **changes})  # type: ignore[arg-type]


def deployment(*versions: ServedVersion, name: str = "m", tenant: str = "acme", **changes: object) -> DeploymentEntry:
    fields: dict[str, object] = {"id": f"dep_{tenant}_{name}", "tenant": tenant, "name": name, "model": name}
    return DeploymentEntry(**{**fields, "versions": versions, **changes})  # type: ignore[arg-type]


class FakeBus:
    """Control's end of the bus: sends entries, commits usage once per (source, seq), as control must."""

    def __init__(self, path: str, entries: tuple[Entry, ...] = ()) -> None:
        self.path = path
        self.entries: dict[tuple[str, str], Entry] = {}
        self.revision = 1
        self.put_quietly(*entries)
        self.acknowledge = True
        self.hellos: list[GatewayHello] = []
        self.applied: list[int] = []
        self.down: list[str] = []
        self.stats: list[GatewayStats] = []
        self.batches = 0
        self.books: dict[tuple[str, int], UsageEvent] = {}
        self.changed = asyncio.Condition()
        self.writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> "FakeBus":
        self.server = await asyncio.start_unix_server(self._serve, self.path)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        self.drop()
        Path(self.path).unlink(missing_ok=True)

    def drop(self) -> None:
        for writer in self.writers:
            writer.transport.abort()

    def put_quietly(self, *entries: Entry) -> None:
        for entry in entries:
            self.entries["key" if isinstance(entry, KeyEntry) else "deployment", entry.id] = entry

    async def put(self, *entries: Entry, deletes: tuple[tuple[str, str], ...] = ()) -> None:
        """Sends a change and waits until the gateway routes by it."""
        self.put_quietly(*entries)
        for name in deletes:
            self.entries.pop(name, None)
        self.revision += 1
        update = SnapshotUpdate(revision=self.revision, full=False, puts=entries, deletes=deletes)  # type: ignore[arg-type]
        for writer in self.writers:
            writer.write(encode(update))
        await self.until(lambda: self.revision in self.applied)

    async def until(self, true: object, timeout_s: float = 10.0) -> None:
        async with asyncio.timeout(timeout_s), self.changed:
            await self.changed.wait_for(true)  # type: ignore[arg-type]

    @property
    def events(self) -> list[UsageEvent]:
        return [self.books[name] for name in sorted(self.books)]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        messages = message_reader()
        try:
            while data := await reader.read(1 << 16):
                for body in messages.feed(data):
                    async with self.changed:
                        self._take(from_gateway.decode(body), writer)
                        self.changed.notify_all()
        except ConnectionError:
            pass
        finally:
            self.writers.discard(writer)
            writer.close()

    def _take(self, message: FromGateway, writer: asyncio.StreamWriter) -> None:
        if isinstance(message, GatewayHello):
            self.hellos.append(message)
            update = SnapshotUpdate(revision=self.revision, full=True, puts=tuple(self.entries.values()), pepper=PEPPER)
            writer.write(encode(update))
        elif isinstance(message, Applied):
            self.applied.append(message.revision)
        elif isinstance(message, UsageBatch):
            self.batches += 1
            for event in message.events:
                assert event.source == message.source
                assert self.books.setdefault((event.source, event.seq), event) == event
            if self.acknowledge:
                writer.write(encode(UsageAck(message.source, message.events[-1].seq)))
        elif isinstance(message, ReplicaDown):
            self.down.append(message.replica)
        else:
            self.stats.append(message)


class GatewayProcess:
    """One life of a gateway on `listening`."""

    def __init__(self, directory: Path, listening: socket.socket, **config: object) -> None:
        self.directory = directory
        host, port = listening.getsockname()
        self.address = (host, port)
        self.url = f"http://{host}:{port}"
        self.log = directory / "gateway.log"
        path = directory / "gateway.json"
        path.write_text(
            json.dumps(
                {
                    "slot": 0,
                    "listen_fd": listening.fileno(),
                    "control_socket": str(directory / "control.sock"),
                    "bus_socket": str(directory / "bus.sock"),
                    "directory": str(directory / "gateway"),
                    **config,
                }
            )
        )
        with self.log.open("ab") as log:
            self.process = fork_server.start(
                fork_server.GATEWAY,
                [str(path)],
                env=os.environ,
                stdout=log.fileno(),
                stderr=log.fileno(),
                pass_fds=(listening.fileno(),),
                new_session=True,
            )

    def end(self, number: int = signal.SIGTERM, timeout_s: float = 20.0) -> int:
        """Signals it and waits; its exit status."""
        if self.process.poll() is None:
            os.kill(self.process.pid, number)
        return self.process.wait(timeout_s)


def listening_socket() -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", 0))
    listening.listen(1024)
    return listening


@asynccontextmanager
async def gateway(directory: Path, bus: FakeBus | None = None, **config: object) -> AsyncIterator[GatewayProcess]:
    """A gateway that accepts, and that has applied what `bus` has to say."""
    listening = listening_socket()
    process = GatewayProcess(directory, listening, **config)
    try:
        if bus is not None:
            seen = len(bus.applied)
            await bus.until(lambda: len(bus.applied) > seen, 20)
        yield process
    finally:
        try:
            await asyncio.to_thread(process.end)
        except subprocess.TimeoutExpired:
            process.process.kill()
            process.process.wait()
            raise
        finally:
            listening.close()


class Scene:
    """A gateway with one key, one deployment "m" of version 1, and one model server in this process."""

    def __init__(self, process: GatewayProcess, bus: FakeBus, server: RunningServer, text: KeyText) -> None:
        self.process = process
        self.bus = bus
        self.server = server
        self.key = text
        self.headers = {"authorization": f"Bearer {text}"}

    def client(self, **options: object) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.process.url, **{"headers": self.headers, **options})  # type: ignore[arg-type]


@asynccontextmanager
async def scene(directory: Path, delay_s: float = 0.0, **config: object) -> AsyncIterator[Scene]:
    text, entry = key()
    async with RunningServer(str(directory / "r.sock"), delay_s) as server:
        entries = (entry, deployment(version(1, server.path)))
        async with FakeBus(str(directory / "bus.sock"), entries) as bus, gateway(directory, bus, **config) as process:
            yield Scene(process, bus, server, text)
