"""What is measured side by side. A system is a file here: it starts on the server's core, says what to send, and stops.

`bms`: the platform. Floors: `floor_http` (a constant), `floor_onnx` (no server), `prototype` (a bare gateway with a hop
to a model process). Peers: `peer` says what they share; each of the others is one of them, its server in `apps/`, its
packages in an `environment` of its own. `catalogue` lists them.
"""

from collections.abc import Mapping
from typing import Protocol

from measuring.requests import Target


class System(Protocol):
    """One system under test. It uses one core for what answers requests."""

    name: str

    def start(self) -> None:
        """Returns when it listens. Raises Missing where it can't be had on this machine."""
        ...

    def targets(self) -> Mapping[str, Target]:
        """What to send, by the case's name (`measuring.cases`); the cases it can't do are absent."""
        ...

    def missing(self) -> Mapping[str, str]:
        """Why a case is absent, where there is more to say than that the system has no such dialect."""
        ...

    def alive(self) -> bool:
        """Whether it still runs."""
        ...

    def pids(self) -> Mapping[str, list[int]]:
        """All its processes, by part."""
        ...

    def memory(self) -> int:
        """Bytes of all its processes, proportional (PSS)."""
        ...

    def facts(self) -> str:
        """Versions and settings."""
        ...

    def pause(self) -> None:
        """While others are measured."""
        ...

    def resume(self) -> None: ...

    def stop(self) -> None: ...


class Missing(Exception):
    """A peer that can't be installed or started here; its message says why."""
