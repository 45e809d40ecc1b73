"""One measurement: load on one target of one system, and the CPU time that its processes took meanwhile."""

import http.client
import os
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from measuring.load import Load
from measuring.machine import busy_seconds, cpu_seconds
from measuring.models import expected
from measuring.requests import Target

from systems import System
from systems.grpcio import ask

_WARM_S = 0.2
_NOT_YET = (404, 500, 502, 503)  # what servers say before their models are loaded


class Measured(NamedTuple):
    """`cpu_s` by part of the system; `memory` in bytes after the load; `taken` in cores, by processes of others."""

    load: Load
    cpu_s: dict[str, float]
    memory: int
    taken: float

    def per_cpu_s(self, *parts: str) -> float:
        """Requests per CPU second of the named parts, or of all."""
        used = sum(seconds for part, seconds in self.cpu_s.items() if not parts or part in parts)
        return self.load.requests / used if used else float("nan")


class WrongAnswer(Exception):
    """A system answered something else than the model does."""


def measure(system: System, run: Callable[[], Load]) -> Measured:
    """Raises RuntimeError where any request failed: a fast server of errors is no fast server."""
    pids = system.pids()
    busy, own, began = busy_seconds(), _own(), time.monotonic()
    before = {part: cpu_seconds(each) for part, each in pids.items()}
    load = run()
    used = {part: cpu_seconds(each) - before[part] for part, each in pids.items()}
    took = time.monotonic() - began
    busy, own = busy_seconds() - busy, _own() - own
    if load.errors:
        raise RuntimeError(f"{load.errors} of {load.requests + load.errors} requests failed")
    if not load.requests:
        raise RuntimeError(f"not one request was answered within {load.seconds:.0f} s")
    taken = max(0.0, busy - own - sum(used.values())) / took
    return Measured(load, used, system.memory(), taken)


def warm(target: Target) -> None:
    """Some requests one after another, so that caches, pools and lazy imports are not measured."""
    if target.grpc:
        ask(target)
        return
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=60)
    end = time.monotonic() + _WARM_S
    while time.monotonic() < end:
        connection.request("POST", target.path, target.body, target.headers)
        connection.getresponse().read()
    connection.close()


def check(system: System, target: Target, patience_s: float = 60.0) -> int:
    """`length_of` of a system that is started."""
    return length_of(system.name, target, system.alive, patience_s)


def length_of(name: str, target: Target, alive: Callable[[], bool] = lambda: True, patience_s: float = 60.0) -> int:
    """The length of the answer in bytes (gRPC: with its prefix), once it is what the model gives when run directly.

    Raises WrongAnswer where it is another, RuntimeError where there is none within `patience_s`.
    """
    end = time.monotonic() + patience_s
    while True:
        try:
            body, headers = _ask(target)
            break
        except (RuntimeError, OSError, http.client.HTTPException) as error:
            if time.monotonic() > end or not alive():
                raise RuntimeError(f"{name} does not answer: {error}") from error
            time.sleep(0.2)
    found = target.read(body, headers, target.model.output)
    if found.shape != expected(target.model).shape or not np.allclose(found, expected(target.model), rtol=0, atol=1e-6):
        raise WrongAnswer(f"{name} answers {found}, the model itself {expected(target.model)}")
    return len(body) + (5 if target.grpc else 0)


def _ask(target: Target) -> tuple[bytes, dict[str, str]]:
    if target.grpc:
        return ask(target), {}
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=20)
    try:
        connection.request("POST", target.path, target.body, target.headers)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status in _NOT_YET:
        raise RuntimeError(f"status {answer.status}: {body[:300]!r}")
    if answer.status != 200:
        raise WrongAnswer(f"status {answer.status}: {body[:300]!r}")
    return body, {name.lower(): value for name, value in answer.getheaders()}


def _own() -> float:
    """CPU time of this process and of the load generators that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
