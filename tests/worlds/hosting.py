"""One process that serves many models: what a model server does for one, for all that its standard input names.

Runs in the libraries' own environment (`hosted.py` starts it). A line of input is a JSON object {"name", "directory",
"runtime", "allow_pickle", "socket"}; for each it writes a line {"name", "format", "signatures"} once it listens there,
or {"name", "refused": reason}. What libraries print goes where their warnings go.
"""

import asyncio
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from bms.adapters.runtimes.available import open_servable
from bms.app.model_server.accepting import Acceptor
from bms.app.model_server.main import listen
from bms.core.clock import SystemClock
from bms.core.errors import BmsError
from bms.core.workloads.programs import Batching, ServableConfig, ServableStatus
from bms.serving.inference.batching.worker import Worker
from bms.serving.inference.connection import FrameConnection
from bms.serving.inference.model_errors import call_foreign
from bms.serving.inference.service import InferenceService
from bms.serving.lifecycle.loader import load
from bms.serving.lifecycle.servable import Servable
from bms.serving.lifecycle.states import Lifecycle


def opened(asked: dict[str, Any]) -> Servable:
    config = ServableConfig(
        runtime=asked["runtime"],
        directory=asked["directory"],
        model=asked["name"],
        version=1,
        allow_pickle=asked["allow_pickle"],
    )
    return call_foreign(
        "loading the model",
        lambda: load(lambda: open_servable(config), warmup_runs=1, sizes=(1, 2), clock=SystemClock()).servable,
    )


def host(asked: dict[str, Any], servable: Servable, worker: Worker, preparing: ThreadPoolExecutor) -> None:
    loop = asyncio.get_running_loop()
    lifecycle = Lifecycle()
    service = InferenceService(
        loop=loop, clock=SystemClock(), worker=worker, preparing=preparing, lifecycle=lifecycle, batching=Batching()
    )
    lifecycle.move("LOADING")
    service.serve(servable)
    lifecycle.move("AVAILABLE")
    connections: set[FrameConnection] = set()

    def status() -> ServableStatus:
        return ServableStatus(replica=asked["name"], state="AVAILABLE", started_at=time.time_ns())

    Acceptor(
        loop,
        listen(asked["socket"]),
        lambda shared: FrameConnection(service, status, connections, lambda: False, shared),
        b"token",
    )


async def main() -> None:
    loop = asyncio.get_running_loop()
    worker, preparing = Worker(loop), ThreadPoolExecutor(1)
    telling, sys.stdout = sys.stdout, sys.stderr
    while line := await asyncio.to_thread(sys.stdin.readline):
        asked = json.loads(line)
        told: dict[str, object] = {"name": asked["name"]}
        try:
            servable = opened(asked)
            host(asked, servable, worker, preparing)
            told |= {"format": servable.format, "signatures": msgspec.to_builtins(servable.signatures)}
        except BmsError as error:
            told["refused"] = error.message
        telling.write(json.dumps(told) + "\n")
        telling.flush()


if __name__ == "__main__":
    asyncio.run(main())
