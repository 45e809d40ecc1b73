"""Who may speak with a node agent, and how content and requests cross to it: over real sockets and real TLS."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bms.adapters.clusters.node_agent.client import NodeAgentCluster
from bms.adapters.clusters.node_agent.identity import AgentIdentity
from bms.adapters.clusters.node_agent.kept import AgentCache
from bms.adapters.clusters.node_agent.objects import ControlsObjects
from bms.adapters.clusters.node_agent.secret import read_secret
from bms.adapters.clusters.node_agent.server import AgentServer, Machine, Served
from bms.adapters.objects.memory import MemoryObjectStore
from bms.adapters.replicas.connecting import connect
from bms.adapters.replicas.link import ReplicaLink
from bms.adapters.replicas.probe import LinkProbe
from bms.control.platform.objects import Blob
from bms.core.digest import of_bytes
from bms.core.errors import DataLoss, FailedPrecondition, InvalidArgument, NotFound, Unavailable
from bms.core.tensors.tensor import Tensor
from bms.core.workloads.endpoints import TlsEndpoint, UnixEndpoint
from bms.core.workloads.isolation import Isolation
from bms.core.workloads.workload import WorkloadStatus
from bms.protocols.node_agent import PIECE
from tests.integration.gateway.test_gateway_link import Sink, rows
from tests.peers.frames_server import RunningServer

LARGE = np.random.default_rng(1).bytes(3 * PIECE + 17)


class Stage:
    """A `Cluster` that runs nothing: it says what a test put into `seen`."""

    def __init__(self) -> None:
        self.seen: dict[str, WorkloadStatus] = {}
        self.news = asyncio.Event()
        self.isolation = Isolation()

    async def observe(self) -> dict[str, WorkloadStatus]:
        return dict(self.seen)

    def devices(self) -> list[Any]:
        return []

    async def changed(self, timeout_s: float) -> None:
        await self.news.wait()
        self.news.clear()

    async def stop(self, workload: str, grace_s: float | None = None) -> None:
        await asyncio.Event().wait()  # it never ends


class Agent:
    """An agent of this process, and its controls."""

    def __init__(
        self, server: AgentServer, stage: Stage, objects: ControlsObjects, at: TlsEndpoint, secret: str
    ) -> None:
        self.server = server
        self.stage = stage
        self.objects = objects
        self.at = at
        self.secret = secret

    def control(self, store: MemoryObjectStore, **more: Any) -> NodeAgentCluster:
        given = {"endpoint": self.at, "secret": self.secret, "platform": "platform_a", "process": "test"}
        return NodeAgentCluster(**{**given, "objects": store, "connect": connect, **more})  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def agent_of(folder: Path, kept: AgentCache) -> AsyncIterator[Agent]:
    """One that listens, with its certificate and secret in `folder`."""
    identity = AgentIdentity(folder)
    identity.prepare()
    stage, objects = Stage(), ControlsObjects()
    server = AgentServer(Served(stage, kept, objects), Machine("far", 2.0, 4 << 30), identity)  # type: ignore[arg-type]
    port = await server.listen_tls("127.0.0.1", 0, identity.context())
    server.advertised = at = TlsEndpoint("127.0.0.1", port, identity.fingerprint)
    watching = asyncio.create_task(server.watch())
    yield Agent(server, stage, objects, at, identity.secret)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await server.close()


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Agent]:
    kept = AgentCache(None, None, list, lambda: 0.0)  # type: ignore[arg-type]
    async with agent_of(tmp_path / "identity", kept) as running:
        yield running


@contextlib.asynccontextmanager
async def connected(cluster: NodeAgentCluster) -> AsyncIterator[NodeAgentCluster]:
    await cluster.open()
    try:
        yield cluster
    finally:
        await cluster.close()


@pytest.fixture
def store() -> MemoryObjectStore:
    return MemoryObjectStore()


def status(id: str, state: Any = "running", path: str = "") -> WorkloadStatus:
    endpoint = str(UnixEndpoint(path)) if path else ""
    return WorkloadStatus(
        id=id, kind="model_server", tenant="t", owner=id, epoch=1, state=state, started_at=1, endpoint=endpoint
    )


async def test_a_control_sees_what_runs_and_where_it_is_reached(agent: Agent, store: MemoryObjectStore) -> None:
    agent.stage.seen = {"rep_1": status("rep_1", path="/somewhere/s"), "rep_2": status("rep_2")}
    async with connected(agent.control(store)) as cluster:
        seen = await cluster.observe()
        assert cluster.machine() == (2.0, 4 << 30)
        assert (seen["rep_1"].node, seen["rep_1"].endpoint) == ("far", str(agent.at._replace(name="rep_1")))
        assert seen["rep_2"].endpoint == ""


async def test_an_agent_is_one_platforms_also_after_it_was_started_again(
    agent: Agent, store: MemoryObjectStore, tmp_path: Path
) -> None:
    async with connected(agent.control(store)), connected(agent.control(store, process="another control")):
        with pytest.raises(FailedPrecondition, match=r"of another platform \(platform_a\).*platform_b"):
            await agent.control(store, platform="platform_b").open()
        with pytest.raises(FailedPrecondition, match="does not say which platform"):
            await agent.control(store, platform="").open()
    async with agent_of(tmp_path / "identity", AgentCache(None, None, list, lambda: 0.0)) as again:  # type: ignore[arg-type]
        with pytest.raises(FailedPrecondition, match="of another platform"):
            await again.control(store, platform="platform_b").open()
        async with connected(again.control(store)):
            pass


async def test_a_wrong_secret_is_refused_in_words(agent: Agent, store: MemoryObjectStore) -> None:
    with pytest.raises(FailedPrecondition, match="does not know this agent's secret"):
        await agent.control(store, secret="wrong").open()


async def test_an_agent_that_keeps_workloads_in_less_than_is_required_is_refused(
    agent: Agent, store: MemoryObjectStore
) -> None:
    with pytest.raises(FailedPrecondition, match="isolation 'basic' can't be given here"):
        await agent.control(store, require="basic").open()
    async with connected(agent.control(store)) as cluster:
        assert cluster.isolation == agent.stage.isolation


async def test_an_agent_with_another_certificate_is_told_nothing(
    agent: Agent, store: MemoryObjectStore, tmp_path: Path
) -> None:
    """A positive control in the same test: with the right fingerprint the very same bytes are said."""
    heard: list[bytes] = []
    other = AgentIdentity(tmp_path / "other")
    other.prepare()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(4096))
        writer.close()

    thief = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=other.context())
    port = thief.sockets[0].getsockname()[1]
    async with thief:
        fooled = agent.control(store, endpoint=agent.at._replace(port=port))
        with pytest.raises(FailedPrecondition, match=r"can't be trusted: .* shows another certificate"):
            await fooled.open()
        assert b"".join(heard) == b""
        await agent.control(store, endpoint=TlsEndpoint("127.0.0.1", port, other.fingerprint)).open()
        assert agent.secret.encode() in b"".join(heard)


async def test_whoever_says_something_else_first_is_let_go(agent: Agent) -> None:
    for first in (b"GET / HTTP/1.1\r\n\r\n", b"\xff\xff\xff\xff", b"\x03\x00\x00\x00abc"):
        lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        class Line(asyncio.Protocol):
            def connection_lost(self, exc: Exception | None) -> None:
                lost.set_result(None)  # noqa: B023 - of this round

        await connect(agent.at, Line, first)
        async with asyncio.timeout(10):
            await lost


async def test_blind_while_the_agent_is_away_and_seeing_again_when_it_is_back(
    agent: Agent, store: MemoryObjectStore
) -> None:
    async with connected(agent.control(store)) as cluster:
        await cluster.observe()
        for control in list(agent.server._controls):
            control.close()
        with pytest.raises(Unavailable, match="lost"):
            while True:
                await cluster.observe()
                await asyncio.sleep(0.001)
        async with asyncio.timeout(20):
            await cluster.changed(20)  # told when it is back
            assert await cluster.observe() == {}


async def test_a_control_that_finds_no_agent_starts_blind(
    agent: Agent, store: MemoryObjectStore, tmp_path: Path
) -> None:
    nobody = agent.control(store, endpoint=UnixEndpoint(str(tmp_path / "nobody")))
    async with connected(nobody):
        with pytest.raises(Unavailable, match="can't be reached"):
            await nobody.observe()
        with pytest.raises(Unavailable):
            nobody.machine()


async def test_a_host_that_can_not_be_one_is_an_error_like_any_other(store: MemoryObjectStore, agent: Agent) -> None:
    async with connected(agent.control(store, endpoint=agent.at._replace(host="x" * 70))) as nobody:
        with pytest.raises(Unavailable, match="no name of a host"):
            await nobody.observe()


async def test_every_control_hears_of_an_end_whoever_looked_first(agent: Agent, store: MemoryObjectStore) -> None:
    agent.stage.seen = {"rep_1": status("rep_1")}
    async with connected(agent.control(store)) as one, connected(agent.control(store)) as other:
        await one.observe()
        await other.observe()
        agent.stage.seen = {"rep_1": status("rep_1", "ended")}
        assert (await one.observe())["rep_1"].state == "ended"  # nobody rang: it was just looked at
        async with asyncio.timeout(10):
            await other.changed(3600)


async def test_who_gives_a_question_up_ends_the_answering(agent: Agent, store: MemoryObjectStore) -> None:
    async with connected(agent.control(store)) as cluster:
        stopping = asyncio.create_task(cluster.stop("rep_1"))
        control = next(iter(agent.server._controls))
        await _until(lambda: len(control._answering) == 1)
        stopping.cancel()
        await _until(lambda: not control._answering)


@pytest.mark.parametrize("content", [b"", b"small", LARGE], ids=["empty", "small", "large"])
async def test_content_crosses_both_ways_by_its_digest(
    agent: Agent, store: MemoryObjectStore, tmp_path: Path, content: bytes
) -> None:
    async with connected(agent.control(store)):
        digest = of_bytes(content)
        assert await agent.objects.stat("t", digest) is None
        assert await agent.objects.put("t", _chunks(content)) == Blob(digest=digest, size=len(content))
        assert await store.stat("t", digest) == Blob(digest=digest, size=len(content))
        await agent.objects.materialize("t", digest, tmp_path / "deep" / "copy")
        assert (tmp_path / "deep" / "copy").read_bytes() == content
        with pytest.raises(NotFound):
            await agent.objects.materialize("other", digest, tmp_path / "never")
        with pytest.raises(InvalidArgument, match="not the expected"):
            await agent.objects.put("t", _chunks(content + b"!"), expected=digest)
        assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [
            "certificate.pem",
            "copy",
            "platform",
            "secret",
        ]


async def test_content_that_is_not_what_its_digest_says_is_not_kept(agent: Agent, tmp_path: Path) -> None:
    class Liar(MemoryObjectStore):
        async def read(self, tenant: str, digest: str, offset: int = 0) -> AsyncIterator[bytes]:
            yield b"another thing"[offset:]

    liar = Liar()
    blob = await liar.put("t", _chunks(b"the real thing"))
    async with connected(agent.control(liar)):
        with pytest.raises(DataLoss, match="does not match its digest"):
            await agent.objects.materialize("t", blob.digest, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


async def test_a_read_goes_on_with_another_control_when_one_is_lost(agent: Agent, store: MemoryObjectStore) -> None:
    blob = await store.put("t", _chunks(LARGE))
    async with connected(agent.control(store)), connected(agent.control(store)):
        found = hashlib.sha256()
        async for piece in agent.objects.read("t", blob.digest):
            found.update(piece)
            if len(agent.server._controls) == 2:
                agent.objects._controls[-1].close()
        assert f"sha256:{found.hexdigest()}" == blob.digest


async def test_without_any_control_there_is_no_content(agent: Agent) -> None:
    with pytest.raises(Unavailable, match="no control is connected"):
        await agent.objects.stat("t", of_bytes(b""))


async def test_requests_reach_a_model_server_through_the_agent(agent: Agent, tmp_path: Path) -> None:
    async with RunningServer(str(tmp_path / "s")) as server:
        agent.stage.seen = {"rep_1": status("rep_1", path=server.path)}
        address = str(agent.at._replace(name="rep_1"))
        link, sinks = ReplicaLink(address), [Sink() for _ in range(20)]
        for n, sink in enumerate(sinks):
            link.infer(sink, "serving_default", rows(n), 0, ())
        large = Sink()
        link.infer(large, "serving_default", rows(3, 500_000), 0, ())
        async with asyncio.timeout(20):
            for sink in (*sinks, large):
                await sink.done.wait()
        assert [sink.told for sink in sinks] == [[[[2.0 * n + 1] * 4]] for n in range(20)]
        assert (np.array(large.told[0]) == 7).all()
        assert link.arena is None
        probed = await LinkProbe(lambda _: b"").status("rep_1", address)
        assert probed is not None
        assert probed.replica == "r"
        server.drop()
        await _until(lambda: not link.usable)
        await _until(lambda: link.usable)  # it comes back by itself
        link.close()


async def test_a_workload_that_is_not_there_is_refused_before_anything_is_sent(agent: Agent, tmp_path: Path) -> None:
    agent.stage.seen = {"rep_2": status("rep_2", path=str(tmp_path / "nobody")), "job": status("job")}
    for name in ("rep_1", "rep_2", "job"):
        down: list[int] = []
        sink, link = Sink(), ReplicaLink(str(agent.at._replace(name=name)), lambda: down.append(1))  # noqa: B023
        link.infer(sink, "serving_default", [Tensor("x", np.zeros((1, 4), dtype="<f4"))], 0, ())
        async with asyncio.timeout(10):
            await sink.done.wait()
        assert sink.told == [("UNAVAILABLE", True)], name
        assert down == [1]
        link.close()


async def test_a_slow_reader_is_sent_no_more_than_it_takes(agent: Agent, tmp_path: Path) -> None:
    sent = 0

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(bytes(1 << 16))
                await writer.drain()
                sent += 1 << 16

    class Lazy(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport
            asyncio.get_running_loop().call_soon(transport.pause_reading)  # type: ignore[attr-defined]

    async with await asyncio.start_unix_server(pour, str(tmp_path / "s")) as server:
        agent.stage.seen = {"rep_1": status("rep_1", path=str(tmp_path / "s"))}
        lazy = Lazy()
        await connect(agent.at._replace(name="rep_1"), lambda: lazy)
        await _until(lambda: sent > 0)
        before = -1
        async with asyncio.timeout(20):
            while before != sent:
                before = sent
                await asyncio.sleep(0.2)
        assert sent < 32 << 20
        lazy.transport.abort()  # type: ignore[attr-defined]
        server.close()


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    identity = AgentIdentity(tmp_path)
    identity.prepare()
    first = identity.secret, identity.fingerprint
    identity.prepare()
    assert (identity.secret, identity.fingerprint) == first
    identity.path.chmod(0o644)
    with pytest.raises(FailedPrecondition, match="chmod 600"):
        read_secret(identity.path)
    with pytest.raises(FailedPrecondition, match="can't be read"):
        read_secret(tmp_path / "nothing")


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 2 * PIECE):
        yield content[start : start + 2 * PIECE]


async def _until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.002)
