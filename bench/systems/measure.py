"""One measurement: load on one target of one system, and the CPU time that its processes took meanwhile."""

import http.client
import os
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from measuring.loads import Load
from measuring.machine import Strangers, busy_seconds, cpu_seconds
from measuring.requests import Target, expected, probabilities

from systems import System


class Measured(NamedTuple):
    """`cpu_s` by part of the system; `taken` in cores, by processes that do not belong here."""

    load: Load
    cpu_s: dict[str, float]
    taken: float

    def per_cpu_s(self, *parts: str) -> float:
        """Requests per CPU second of the named parts, or of all."""
        used = sum(seconds for part, seconds in self.cpu_s.items() if not parts or part in parts)
        return self.load.requests / used if used else float("nan")


def measure(system: System, run: Callable[[], Load], strangers: Strangers) -> Measured:
    """Raises RuntimeError where any request failed: a fast server of errors is no fast server."""
    pids = system.pids()
    busy, own = busy_seconds(), _own()
    before = {part: cpu_seconds(each) for part, each in pids.items()}
    load = run()
    used = {part: cpu_seconds(each) - before[part] for part, each in pids.items()}
    busy, own = busy_seconds() - busy, _own() - own
    if load.errors:
        raise RuntimeError(f"{system.name}: {load.errors} of {load.requests + load.errors} requests failed")
    return Measured(load, used, strangers.note(load.seconds, busy, own + sum(used.values())))


def check(name: str, target: Target) -> None:
    """Raises RuntimeError unless the answer is what the model gives when it is run directly."""
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=10)
    connection.request("POST", target.path, target.body, target.headers)
    answer = connection.getresponse()
    body, length = answer.read(), answer.headers.get("inference-header-content-length")
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{name} answers {answer.status}: {body[:300]!r}")
    found = probabilities(body, None if length is None else int(length))
    if not np.allclose(found, expected(), rtol=0, atol=1e-6):
        raise RuntimeError(f"{name} answers {found}, the model itself {expected()}")


def _own() -> float:
    """CPU time of this process and of the load generators that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
