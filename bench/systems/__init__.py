"""What is measured side by side. A system is a file here: it starts on the server's core, says what to send, and stops.

bms: the platform · floor_http: what any HTTP server on this loop pays at least · fastapi: written by hand by an
experienced person in half an hour. A new peer is a new file with the same four methods, named in the program that
compares.
"""

from collections.abc import Mapping
from typing import Protocol

from measuring.requests import Target


class System(Protocol):
    """One system under test. It uses one core for what answers requests."""

    name: str

    def start(self) -> None:
        """Returns when it answers. Raises Missing where it can't be had on this machine."""
        ...

    def targets(self) -> Mapping[str, Target]:
        """What to send, by the dialect's name."""
        ...

    def pids(self) -> Mapping[str, list[int]]:
        """All its processes, by part."""
        ...

    def facts(self) -> Mapping[str, str]:
        """Versions and settings."""
        ...

    def stop(self) -> None: ...


class Missing(Exception):
    """A peer that can't be installed or started here; its message says why."""
