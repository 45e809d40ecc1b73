"""A workload that answers, and somebody who asks it all the while that another one does harm."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from bms.adapters.clusters.isolation import capabilities as probing
from bms.adapters.clusters.local.cluster import LocalCluster
from bms.core.workloads.endpoints import UnixEndpoint, parse_endpoint
from tests.contract.clusters.sights import MakeSpec, is_alive, until
from tests.worlds.identities import pid_of

MEANS = probing.probe()
FOUND = {each.name: each for each in probing.describe(MEANS).protections}
_SLOW_S = 30.0  # no measure of speed: that an answer comes at all


def lacks(*names: str) -> str:
    """Why a test of these protections can't run here; empty where it can."""
    return "; ".join(f"{name}: {FOUND[name].lacking}" for name in names if not FOUND[name].on)


class Asked:
    """How often the neighbour answered, and what went wrong."""

    def __init__(self) -> None:
        self.answers = 0
        self.failures: list[str] = []


@contextlib.asynccontextmanager
async def undisturbed(cluster: LocalCluster, make_spec: MakeSpec) -> AsyncIterator[Asked]:
    """A neighbour that is asked without a pause while the block runs; every question must be answered."""
    spec = make_spec(id="neighbour", kind="model_server", program="hostile", act="serve")
    endpoint = parse_endpoint((await cluster.start(spec)).endpoint)
    assert isinstance(endpoint, UnixEndpoint)
    pid = pid_of(cluster, "neighbour")
    await until(Path(cluster.directory("neighbour"), "ready").exists)
    asked = Asked()
    asking = asyncio.create_task(_ask(endpoint.path, asked))
    try:
        yield asked
        before = asked.answers
        async with asyncio.timeout(_SLOW_S):
            while asked.answers < before + 3:
                assert not asked.failures
                await asyncio.sleep(0.01)
    finally:
        asking.cancel()
    assert asked.failures == []
    status = (await cluster.observe())["neighbour"]
    assert (status.state, pid_of(cluster, "neighbour"), is_alive(pid)) == ("running", pid, True)


async def _ask(address: str, asked: Asked) -> None:
    while True:
        try:
            async with asyncio.timeout(_SLOW_S):
                reader, writer = await asyncio.open_unix_connection(address)
                writer.write(b"there?")
                if await reader.read(64) != b"there?":
                    asked.failures.append("another answer")
                writer.close()
        except (OSError, TimeoutError) as error:
            asked.failures.append(repr(error))
        asked.answers += 1
        await asyncio.sleep(0.01)
