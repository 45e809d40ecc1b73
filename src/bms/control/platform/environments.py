"""The port to isolated Python environments, each built once from requirements or a lock."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, Protocol

import msgspec

from bms.core.workloads.environments import EnvironmentSpec

EnvironmentState = Literal["absent", "building", "built", "failed"]
Needed = Callable[[], Awaitable[frozenset[str]]]
"""() -> the digests that somebody needs, now."""


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """A built environment. `digest` is of the normalised spec and the machine's platform; `python` is an interpreter's
    path.

    `lock` is the digest of what the spec was resolved to, exact versions with hashes; `packages` counts them.
    `size` in bytes, `built_s` in seconds. The platform's own has neither size nor lock. `linked`: files that others
    hold, too, are on the disk once; they count in the size of each.
    """

    digest: str
    python: str
    size: int = 0
    built_s: float = 0.0
    version: str = ""  # of Python, "3.11"
    requirements: tuple[str, ...] = ()
    index: str = ""
    lock: str = ""
    packages: int = 0
    linked: bool = False


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """The result of pruning: what was removed, and the bytes on the disk that this freed: files that others hold, too,
    free none."""

    environments: tuple[Environment, ...] = ()
    freed: int = 0


class BuiltEnvironments(Protocol):
    """Looks at environments, wherever they are built, and removes them. Every method raises Unavailable where that side
    can't be asked."""

    async def digests(self, specs: Sequence[EnvironmentSpec]) -> Sequence[str | None]:
        """The digest of each spec's environment; None for the platform's own, and for what can't be built."""
        ...

    async def built(self) -> list[Environment]: ...

    async def state(self, digest: str) -> EnvironmentState:
        """The state of the environment's build; "failed" until somebody asks for it again."""
        ...

    async def lock(self, digest: str) -> str:
        """The lock file it was installed from. Raises NotFound unless it is built."""
        ...

    async def log(self, digest: str, offset: int, limit: int) -> bytes:
        """The log of its last build, from byte `offset` on, at most `limit` bytes; it grows while it is built."""
        ...

    async def prune(self, needed: Needed) -> Removed:
        """Removes environments that nobody needs. `needed` is called for each while it is locked against `ensure`: a
        caller that records its need before calling `ensure` gets one that stays."""
        ...


class EnvironmentStore(BuiltEnvironments, Protocol):
    """Builds environments. Contract: one digest is built once, also when asked for twice at once or by two processes; a
    failed or interrupted build leaves nothing that looks built; a built environment is never changed."""

    async def ensure(self, spec: EnvironmentSpec, log: Callable[[str], None] | None = None) -> Environment:
        """Builds the environment unless it exists. `log` receives the resolver's and installer's lines as they come,
        also of a build that another caller began.

        Raises InvalidArgument for requirements that can't be parsed (or name paths, URLs or options), a lock that
        contradicts them and an index nobody configured; FailedPrecondition, with the installer's own words, when
        the build fails; ResourceExhausted when the disk is full.
        """
        ...

    def digest(self, spec: EnvironmentSpec) -> str | None:
        """The digest that `ensure` will give it; None for the platform's own. Raises InvalidArgument."""
        ...

    def slim_path(self) -> str:
        """The directory to put on a workload's path so that it finds the slim part."""
        ...
