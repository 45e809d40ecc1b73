"""Isolated Python environments, built from requirements, once each."""

from collections.abc import Callable
from typing import Protocol

import msgspec


class EnvironmentSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must be installed. Without requirements: the platform's own interpreter and packages (ONNX Runtime,
    NumPy). `python` is a version such as "3.11"; None: the platform's."""

    requirements: tuple[str, ...] = ()
    python: str | None = None


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """A built one. `digest` is of the normalised spec and the machine's platform; `python` is an interpreter's path."""

    digest: str
    python: str
    size: int = 0
    built_s: float = 0.0


class Environments(Protocol):
    """Contract: one digest is built once, also when asked for twice at once or by two processes; a failed or
    interrupted build leaves nothing that looks built; a built environment is never changed."""

    async def ensure(self, spec: EnvironmentSpec, log: Callable[[str], None] | None = None) -> Environment:
        """Builds it unless it exists. `log` receives the resolver's and installer's lines as they come.

        Raises InvalidArgument for requirements that can't be parsed (or name paths, URLs or options) and
        FailedPrecondition, with the installer's own words, when the build fails.
        """
        ...

    async def built(self) -> list[Environment]: ...

    async def prune(self, keep: frozenset[str]) -> list[Environment]:
        """Removes environments whose digest is not in `keep`; returns them."""
        ...

    def slim_path(self) -> str:
        """The directory to put on a workload's path so that it finds the slim part."""
        ...
