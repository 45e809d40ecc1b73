"""The cluster of a node agent as the tests of clusters open it: another process in another tree of directories."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from bms.adapters.clusters.node_agent.client import NodeAgentCluster
from bms.adapters.clusters.node_agent.secret import read_secret
from bms.adapters.replicas.connecting import connect
from bms.app.home.directory import Home
from bms.app.supervisor.stopping import stop
from bms.control.platform.objects import ObjectStore
from bms.core.workloads.endpoints import parse_endpoint
from tests import fork_server
from tests.fork_server import Forked


class AgentProcess:
    """One agent, which may be killed and started again. `listen` is HOST:PORT, empty for a Unix socket."""

    def __init__(self, home: Path, listen: str = "127.0.0.1:0") -> None:
        self.home = home
        self._listen = listen
        self._process: Forked | None = None
        self.endpoint = ""
        self.secret = ""

    async def start(self) -> None:
        hears, says = os.pipe()
        with os.fdopen(hears, "rb") as words:
            try:
                self._process = fork_server.start(
                    fork_server.AGENT, [str(self.home), self._listen], env=os.environ, stdout=says, stderr=2
                )
            finally:
                os.close(says)
            async with asyncio.timeout(60):
                said = msgspec.json.decode(await asyncio.to_thread(words.readline), type=dict[str, str])
        self.endpoint, self.secret = said["endpoint"], read_secret(Path(said["secret"]))
        if self._listen:  # where it was, it is again
            endpoint = parse_endpoint(self.endpoint)
            self._listen = f"127.0.0.1:{endpoint.port}"  # type: ignore[union-attr]

    async def kill(self, number: int = signal.SIGKILL) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        await asyncio.to_thread(self._process.wait, 60)

    async def end(self) -> None:
        """It and all that it runs."""
        if self._process is not None and self._process.poll() is None:
            await self.kill(signal.SIGTERM)
        await asyncio.to_thread(stop, Home(self.home), 10.0)

    def client(self, objects: ObjectStore, **more: Any) -> NodeAgentCluster:
        """Not open yet."""
        return NodeAgentCluster(
            parse_endpoint(self.endpoint), self.secret, "platform_test", "test", objects, connect, **more
        )


@asynccontextmanager
async def opened_agent(home: Path, run_dir: Path, objects: ObjectStore) -> AsyncIterator[NodeAgentCluster]:
    agent = AgentProcess(home.parent / "elsewhere" / "home")
    try:
        await agent.start()
        cluster = agent.client(objects)
        await cluster.open()
        try:
            yield cluster
        finally:
            await cluster.close()
    finally:
        await agent.end()
