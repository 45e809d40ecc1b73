"""A node agent for the tests of clusters, in a process of its own: `python -m …agent_process HOME LISTEN`.

It builds no environments, and its workloads run the programs of these tests. A line of JSON says where it is."""

import sys
from pathlib import Path

import msgspec
import uvloop

from bms.app.home.directory import Home
from bms.app.node_agent.main import AgentReady, AgentSettings, hold, run
from tests.contract.clusters.local_cluster import OneEnvironment


def _tell(ready: AgentReady) -> None:
    print(msgspec.json.encode({"endpoint": str(ready.endpoint), "secret": str(ready.secret)}).decode(), flush=True)


def main(home: str, listen: str) -> None:
    hold(Home(Path(home)))
    host, _, port = listen.rpartition(":")
    settings = AgentSettings(home=home, host=host, port=int(port or 0), node="far", watch_s=0.05)
    uvloop.run(run(settings, OneEnvironment(), _tell))


if __name__ == "__main__":
    main(*sys.argv[1:])
