"""Control's side of a remote cluster: every call of the port is a request to the node agent."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import msgspec

from bms.adapters.clusters.local.ending_counter import EndingCounter
from bms.adapters.clusters.node_agent.files import AgentFiles
from bms.adapters.clusters.node_agent.objects import ObjectsForAgents
from bms.adapters.clusters.node_agent.opening import Opened, Opening
from bms.adapters.clusters.node_agent.peer import Peer, Tell
from bms.control.platform.clusters import MAX_SEALED
from bms.control.platform.objects import BlobStore
from bms.core.errors import BmsError, FailedPrecondition, InvalidArgument, Unavailable
from bms.core.workloads.devices import Device
from bms.core.workloads.endpoints import Endpoint, WrongPeer
from bms.core.workloads.isolation import Isolation, Level, reaches, shortfall
from bms.core.workloads.workload import WorkloadSpec, WorkloadStatus
from bms.protocols.node_agent import (
    MAX_GREETING,
    VERSION,
    AgentHello,
    AgentMessageDecoder,
    AgentObservation,
    ConnectionRefused,
    Forget,
    NeededEnvironments,
    Observe,
    PrepareAgentWorkload,
    StartAgentWorkload,
    StopAgentWorkload,
    Welcome,
    encode,
    greeting,
    to_control,
)

OBSERVE_S = 10.0  # an agent that can't say in this time what runs is as good as away
GREETING_S = 5.0
FIRST_S = 5.0  # how long the start of control waits for an agent that is away
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 2.0
Connect = Callable[[Endpoint, Callable[[], asyncio.Protocol], bytes], Awaitable[None]]
"""(where, what speaks there, what to send first): raises OSError, also where the other side is not who it should be."""
_log = logging.getLogger(__name__)
_nothing: AgentMessageDecoder[None] = AgentMessageDecoder(None)
_status: AgentMessageDecoder[WorkloadStatus] = AgentMessageDecoder(WorkloadStatus)
_seen: AgentMessageDecoder[AgentObservation] = AgentMessageDecoder(AgentObservation)
T = TypeVar("T")


async def _nothing_needed() -> frozenset[str]:
    return frozenset()


class NodeAgentCluster:
    """The `Cluster` that an agent at `endpoint` runs for `platform`. `secret` is the agent's, `process` says which
    control this is.

    The connection is kept, and is made again whenever it is lost; meanwhile every call raises Unavailable, and what
    runs there runs on. An agent that keeps workloads in less than `require` says is refused.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        secret: str,
        platform: str,
        process: str,
        objects: BlobStore,
        connect: Connect,
        *,
        require: Level = "none",
    ) -> None:
        self._endpoint = endpoint
        self._hello = encode(AgentHello(VERSION, secret, platform, process))
        self._objects = ObjectsForAgents(objects)
        self._connect = connect
        self._require = require
        self._agent: Peer | None = None
        self.welcome: Welcome | None = None  # what the agent said of its machine, when it was last reached
        self._devices: Sequence[tuple[Device, int]] = ()
        self._changes = EndingCounter()
        self._lost = asyncio.Event()
        self._tried = asyncio.Event()
        self._error: BmsError = Unavailable(f"{self.name} was not reached yet")
        self._keeping: asyncio.Task[None] | None = None
        self.files = AgentFiles(self.ask, objects)
        self.needed: Callable[[], Awaitable[frozenset[str]]] = _nothing_needed
        """The digests of environments that somebody needs, asked while they are pruned."""

    @property
    def name(self) -> str:
        return f"the node agent at {str(self._endpoint).partition('#')[0]}"

    async def open(self) -> None:
        """Connects to the agent; returns when it is there, or when it is clear that it is unreachable for now.

        Raises FailedPrecondition for an agent that does not want us, or is not what it should be: nothing but another
        setting helps there.
        """
        self._keeping = asyncio.create_task(self._keep_connected())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_S):
                await self._tried.wait()
        if self._agent is None:
            if isinstance(refusal := self._error, FailedPrecondition):
                await self.close()
                raise refusal
            _log.warning("%s; control starts without seeing what runs there", self._error.message)

    async def close(self) -> None:
        """Disconnects from the agent; workloads run on."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
            self._keeping = None
        agent, self._agent = self._agent, None
        self._error = Unavailable(f"{self.name} was let go")
        if agent is not None:
            agent.close()
            await agent.closed

    @property
    def connected(self) -> bool:
        return self._agent is not None

    @property
    def isolation(self) -> Isolation:
        return Isolation() if self.welcome is None else self.welcome.isolation

    def machine(self) -> tuple[float, int]:
        """Cores and bytes of memory of the agent's machine. Raises Unavailable before it was ever reached."""
        if self.welcome is None:
            raise Unavailable(self._error.message)
        return self.welcome.cores, self.welcome.memory

    def devices(self) -> Sequence[tuple[Device, int]]:
        return self._devices

    async def prepare(self, spec: WorkloadSpec, tell: Tell | None = None) -> None:
        await self.ask(PrepareAgentWorkload(spec), _nothing, tell)

    async def start(self, spec: WorkloadSpec, sealed: bytes = b"") -> WorkloadStatus:
        if len(sealed) > MAX_SEALED:
            raise FailedPrecondition(f"{len(sealed)} bytes are to be handed over, at most {MAX_SEALED} can be")
        return await self.ask(StartAgentWorkload(spec, sealed), _status)

    async def observe(self) -> dict[str, WorkloadStatus]:
        self._changes.seen()  # before it is asked: what ends meanwhile rings again
        try:
            async with asyncio.timeout(OBSERVE_S):
                seen = await self.ask(Observe(), _seen)
        except TimeoutError:
            raise Unavailable(f"{self.name} did not say within {OBSERVE_S:g} s what runs there") from None
        self._devices = seen.devices
        return {status.id: status for status in seen.workloads}

    async def stop(self, workload: str, grace_s: float | None = None) -> None:
        await self.ask(StopAgentWorkload(workload, grace_s), _nothing)

    async def forget(self, workload: str) -> None:
        await self.ask(Forget(workload), _nothing)

    async def changed(self, timeout_s: float) -> None:
        await self._changes.wait(timeout_s)

    async def ask(self, what: msgspec.Struct, kind: "AgentMessageDecoder[T]", tell: Tell | None = None) -> T:
        """Sends a request to the agent, and returns its answer. Raises Unavailable while it is away, and what it
        raises."""
        if self._agent is None:
            raise Unavailable(self._error.message)
        return await self._agent.ask(what, kind, tell)

    async def _keep_connected(self) -> None:
        wait, said = _FIRST_WAIT, ""
        while True:
            self._lost.clear()
            try:
                await self._greeted()
            except BmsError as error:
                self._error = error
                if error.message != said:
                    _log.warning("%s", error.message)
                    said = error.message
            else:
                wait, said = _FIRST_WAIT, ""
                self._changes.notify()
                self._tried.set()
                _log.info("%s is connected", self.name)
                await self._lost.wait()
            self._tried.set()
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
            wait = min(wait * 2, _LONGEST_WAIT)

    async def _greeted(self) -> None:
        """Connects. Raises Unavailable, and FailedPrecondition where trying again does not help by itself."""
        answered: asyncio.Future[Welcome] = asyncio.get_running_loop().create_future()

        def opened(connection: Opened) -> None:
            try:
                welcome = self._accepted(connection)
            except BmsError as error:
                connection.transport.abort()
                answered.set_exception(error)
            else:
                answered.set_result(welcome)

        def failed(why: str) -> None:
            answered.set_exception(Unavailable(f"{self.name} does not greet: {why}"))

        try:
            make = lambda: Opening(opened, failed, limit=MAX_GREETING, patience_s=GREETING_S)  # noqa: E731
            await self._connect(self._endpoint, make, self._hello)
        except WrongPeer as error:
            raise FailedPrecondition(f"{self.name} can't be trusted: {error}") from None
        except OSError as error:
            raise Unavailable(f"{self.name} can't be reached: {error.strerror or error}") from None
        self.welcome = await answered

    def _accepted(self, connection: Opened) -> Welcome:
        """The agent's greeting; from now on questions go both ways. Raises BmsError."""
        said = greeting.decode(connection.body)
        if isinstance(said, ConnectionRefused):
            raise FailedPrecondition(f"{self.name} refuses this control: {said.reason}")
        if said.version != VERSION:
            raise FailedPrecondition(
                f"{self.name} speaks version {said.version}, this control {VERSION}: use one release"
            )
        if not reaches(said.isolation, self._require):
            raise FailedPrecondition(f"{self.name}: {shortfall(said.isolation, self._require)}")
        side = _FromAgent(self)
        self._agent = side.agent = Peer(side, self.name)
        connection.resumed(self._agent)
        return said

    async def answer(self, what: msgspec.Raw, agent: Peer) -> Any:
        """Answers a request of the agent. Raises BmsError."""
        asked = to_control.decode(what)
        if isinstance(asked, NeededEnvironments):
            return await self.needed()
        return await self._objects.answer(asked, agent)

    def notify(self) -> None:
        """Wakes waiters: a workload ended there."""
        self._changes.notify()

    def lost(self, agent: Peer) -> None:
        """Called when the connection is lost: nothing can be observed until the agent is back."""
        if self._agent is agent:
            self._agent = None
            self._error = Unavailable(f"the connection to {self.name} is lost; what runs there runs on")
            _log.warning("%s", self._error.message)
            self._lost.set()


class _FromAgent:
    """Control's side of one connection."""

    def __init__(self, cluster: NodeAgentCluster) -> None:
        self._cluster = cluster
        self.agent: Peer | None = None

    async def answer(self, what: msgspec.Raw, tell: Tell) -> Any:
        if self.agent is None:
            raise InvalidArgument("nothing may be asked yet")
        return await self._cluster.answer(what, self.agent)

    def changed(self) -> None:
        self._cluster.notify()

    def lost(self) -> None:
        if self.agent is not None:
            self._cluster.lost(self.agent)
