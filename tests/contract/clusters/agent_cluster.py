"""The cluster of a node agent as the tests of clusters open it: another process in another tree of directories."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from bms.adapters.clusters.node_agent.client import NodeAgentCluster
from bms.adapters.clusters.node_agent.secret import read_secret
from bms.adapters.replicas.connecting import connect
from bms.app.home import Home
from bms.app.stopping import stop
from bms.control.platform.objects import ObjectStore
from bms.core.endpoints import parse_endpoint

ROOT = Path(__file__).parents[3]


class AgentProcess:
    """One agent, which may be killed and started again. `listen` is HOST:PORT, empty for a Unix socket."""

    def __init__(self, home: Path, listen: str = "127.0.0.1:0") -> None:
        self.home = home
        self._listen = listen
        self._process: asyncio.subprocess.Process | None = None
        self.endpoint = ""
        self.secret = ""

    async def start(self) -> None:
        command = [sys.executable, "-m", "tests.contract.clusters.agent_process", str(self.home), self._listen]
        self._process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
        assert self._process.stdout is not None
        async with asyncio.timeout(60):
            said = msgspec.json.decode(await self._process.stdout.readline(), type=dict[str, str])
        self.endpoint, self.secret = said["endpoint"], read_secret(Path(said["secret"]))
        if self._listen:  # where it was, it is again
            endpoint = parse_endpoint(self.endpoint)
            self._listen = f"127.0.0.1:{endpoint.port}"  # type: ignore[union-attr]

    async def kill(self, number: int = signal.SIGKILL) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)
        await self._process.wait()

    async def end(self) -> None:
        """It and all that it runs."""
        if self._process is not None and self._process.returncode is None:
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
