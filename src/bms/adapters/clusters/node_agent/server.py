"""The agent's server: authenticates connections, answers controls from the local cluster, relays gateways to model
servers."""

import asyncio
import contextlib
import hmac
import logging
import os
import ssl
from collections.abc import Coroutine
from typing import Any, NamedTuple

import msgspec

from bms.adapters.clusters.node_agent.identity import AgentIdentity
from bms.adapters.clusters.node_agent.kept import AgentCache
from bms.adapters.clusters.node_agent.objects import ControlsObjects
from bms.adapters.clusters.node_agent.opening import Opened, Opening
from bms.adapters.clusters.node_agent.peer import Peer, Tell
from bms.adapters.clusters.node_agent.relay import relay
from bms.control.platform.clusters import Cluster
from bms.core.errors import BmsError, InvalidArgument, NotFound
from bms.core.workloads import endpoints
from bms.core.workloads.endpoints import TlsEndpoint, UnixEndpoint
from bms.core.workloads.workload import WorkloadStatus
from bms.protocols import node_agent as said
from bms.protocols.node_agent import (
    MAX_FIRST,
    VERSION,
    AgentHello,
    AgentMessageDecoder,
    Changed,
    ConnectionRefused,
    Relay,
    Welcome,
    encode,
)

FIRST_S = 5.0
_log = logging.getLogger("bms.node_agent")
_needed: AgentMessageDecoder[frozenset[str]] = AgentMessageDecoder(frozenset[str])


class Machine(NamedTuple):
    """The agent's machine: its name, cores and bytes of memory."""

    node: str
    cores: float
    memory: int


class Served(NamedTuple):
    """What the agent serves to controls: its cluster, environments, trees and files."""

    cluster: Cluster
    kept: AgentCache
    objects: ControlsObjects


class AgentServer:
    """Accepts controls of one platform that present the agent's secret, and connections to workloads' sockets."""

    def __init__(self, served: Served, machine: Machine, identity: AgentIdentity) -> None:
        self._served = served
        self._machine = machine
        self._identity = identity
        self._secret = identity.secret
        self.advertised: TlsEndpoint | None = None
        """Where workloads are reached from elsewhere; None: only on this machine, at their own sockets."""
        self._controls: set[Peer] = set()
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: frozenset[str] = frozenset()

    async def listen_tls(self, host: str, port: int, context: ssl.SSLContext) -> int:
        """Listens on TCP with TLS; returns the port, which `port` 0 leaves to the system. Raises OSError."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._opening, host, port, ssl=context, ssl_handshake_timeout=FIRST_S)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def listen_unix(self, path: str) -> None:
        """Listens on a Unix socket that only its owner may use; replaces what a dead process left there. Raises
        OSError."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        mask = os.umask(0o177)
        try:
            self._servers.append(await asyncio.get_running_loop().create_unix_server(self._opening, path))
        finally:
            os.umask(mask)

    async def watch(self) -> None:
        """Notifies controls when workloads ended, until cancelled."""
        while True:
            await self._look()
            await self._served.cluster.changed(3600.0)

    async def close(self) -> None:
        """Closes all connections; workloads run on."""
        for server in self._servers:
            server.close()
        for control in list(self._controls):
            control.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _opening(self) -> Opening:
        return Opening(self._opened, lambda _: None, limit=MAX_FIRST, patience_s=FIRST_S)

    def _opened(self, connection: Opened) -> None:
        try:
            first = said.first.decode(connection.body)
        except InvalidArgument as error:
            _log.warning("a connection is closed: %s", error.message)
            connection.transport.abort()
            return
        if isinstance(first, Relay):
            self._in_background(self._pass_on(first.workload, connection))
        elif refusal := self._refusal(first):
            _log.warning("control %.100r is refused: %s", first.process, refusal)
            connection.transport.write(encode(ConnectionRefused(refusal)))
            connection.transport.close()
        else:
            self._welcome(first, connection)

    def _refusal(self, hello: AgentHello) -> str:
        if not hmac.compare_digest(hello.secret.encode(), self._secret.encode()):
            return "it does not know this agent's secret"
        if hello.version != VERSION:
            return f"it speaks version {hello.version}, this agent {VERSION}: use one release on both sides"
        if not hello.platform:
            return "it does not say which platform it is of"
        if (owner := self._identity.taken(hello.platform)) != hello.platform:
            return (
                f"this agent runs the models and jobs of another platform ({owner}), and this control is of "
                f"{hello.platform[:100]}: start an agent with another home for it"
            )
        return ""

    def _welcome(self, hello: AgentHello, connection: Opened) -> None:
        node, cores, memory = self._machine
        welcome = Welcome(VERSION, node, self._served.cluster.isolation, cores, memory)
        connection.transport.write(encode(welcome))
        side = _FromControl(self)
        side.control = control = Peer(side, f"control {hello.process[:100]!r}")
        self._controls.add(control)
        self._served.objects.connected(control)
        connection.resumed(control)
        _log.info("%s is connected", control.name)

    def lost(self, control: Peer) -> None:
        self._controls.discard(control)
        self._served.objects.lost(control)
        _log.info("%s is gone", control.name)

    async def _pass_on(self, workload: str, connection: Opened) -> None:
        try:
            status = (await self._served.cluster.observe()).get(workload)
            found = endpoints.parse_endpoint(status.endpoint) if status is not None and status.endpoint else None
            if not isinstance(found, UnixEndpoint):
                raise NotFound(f"no workload {workload[:100]!r} listens here")
            await relay(connection, found.path)
        except (BmsError, OSError) as error:
            _log.info("a connection to a workload is refused: %s", error)
            connection.transport.write(encode(ConnectionRefused(str(error))))
            connection.transport.close()

    async def answer(self, what: msgspec.Raw, tell: Tell, control: Peer) -> Any:
        """Answers a request of a control. Raises what the local cluster, environments and trees raise."""
        served = self._served
        match said.to_agent.decode(what):
            case said.Observe():
                return await self._look()
            case said.PrepareAgentWorkload(spec):
                served.kept.mark_used(spec)
                try:
                    await served.cluster.prepare(spec, _from_any_thread(tell))
                finally:
                    await asyncio.sleep(0)  # what was told goes before the answer
            case said.StartAgentWorkload(spec, sealed):
                served.kept.mark_used(spec)
                return self._shown(await served.cluster.start(spec, sealed))
            case said.StopAgentWorkload(workload, grace_s):
                await served.cluster.stop(workload, grace_s)
            case said.Forget(workload):
                await served.cluster.forget(workload)
            case said.RecordExtent(workload, record):
                return await served.cluster.files.extent(workload, record)
            case said.RecordPiece(workload, record, offset, limit):
                return await served.cluster.files.read(workload, record, offset, limit)
            case said.GetResult(workload):
                return await served.cluster.files.result(workload)
            case said.StoreFolder(tenant, workload, folder):
                tree = await served.cluster.files.store(tenant, workload, folder)
                return None if tree is None else tree.digest
            case said.Give() as asked:
                return await served.objects.piece(asked)
            case said.PruneTrees(tenant):
                return await served.kept.trees.prune((), 0, tenant=tenant)
            case environments:
                return await self._of_environments(environments, control)
        return None

    async def _of_environments(self, asked: Any, control: Peer) -> Any:
        environments = self._served.kept.environments
        match asked:
            case said.EnvironmentDigests(specs):
                return await environments.digests(specs)
            case said.EnvironmentsBuilt():
                return await environments.built()
            case said.EnvironmentState(digest):
                return await environments.state(digest)
            case said.EnvironmentLock(digest):
                return await environments.lock(digest)
            case said.EnvironmentLog(digest, offset, limit):
                return await environments.log(digest, offset, limit)
            case said.PruneEnvironments():
                return await environments.prune(lambda: self._needed(control))
        raise InvalidArgument(f"{type(asked).__name__} is no request that this side answers")

    async def _needed(self, control: Peer) -> frozenset[str]:
        return await control.ask(said.NeededEnvironments(), _needed) | await self._served.kept.needed()

    async def _look(self) -> said.AgentObservation:
        """What runs now; notifies controls where something ended since the last look."""
        cluster = self._served.cluster
        statuses = await cluster.observe()
        before, self._ended = self._ended, frozenset(id for id, each in statuses.items() if each.state == "ended")
        if self._ended - before:
            for control in self._controls:
                control.tell(Changed())
        return said.AgentObservation(tuple(map(self._shown, statuses.values())), tuple(cluster.devices()))

    def _shown(self, status: WorkloadStatus) -> WorkloadStatus:
        """As others see it: reached through this agent where that can be."""
        endpoint = status.endpoint
        if endpoint and self.advertised is not None:
            endpoint = str(self.advertised._replace(name=status.id))
        return msgspec.structs.replace(status, node=self._machine.node, endpoint=endpoint)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _FromControl:
    """The agent's side of one connection."""

    def __init__(self, server: AgentServer) -> None:
        self._server = server
        self.control: Peer | None = None

    async def answer(self, what: msgspec.Raw, tell: Tell) -> Any:
        assert self.control is not None, "it is set before anything is read"
        return await self._server.answer(what, tell, self.control)

    def changed(self) -> None:
        raise InvalidArgument("a control runs nothing that could end")

    def lost(self) -> None:
        if self.control is not None:
            self._server.lost(self.control)


def _from_any_thread(tell: Tell) -> Tell:
    loop = asyncio.get_running_loop()

    def forward(line: str) -> None:
        loop.call_soon_threadsafe(tell, line)

    return forward
