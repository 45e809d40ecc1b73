"""The nouns of environments as they are shown."""

import msgspec

from bms.control.platform.environments import EnvironmentState
from bms.core.workloads.environments import EnvironmentSpec


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """The use of an environment: how many versions and jobs run in what is built from `spec`."""

    spec: EnvironmentSpec
    versions: int = 0
    jobs: int = 0


class EnvironmentView(msgspec.Struct, frozen=True, kw_only=True):
    """One environment. `versions` and `jobs` count those of the tenant that asks (of all tenants, for the operator's).

    `python` is a version; `lock` the digest of what it was resolved to, `packages` how many that are; `size` in bytes,
    `built_s` in seconds. What only a build can tell is empty before one has ended.
    """

    digest: str
    state: EnvironmentState
    python: str = ""
    requirements: tuple[str, ...] = ()
    index: str = ""
    locked: bool = False  # a lock file was given
    lock: str = ""
    packages: int = 0
    size: int = 0
    built_s: float = 0.0
    versions: int = 0
    jobs: int = 0


class BuildLogPiece(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a build's log. `next` is where to read on; it grows as long as `state` is "building"."""

    content: bytes
    next: int
    state: EnvironmentState


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """The result of pruning: what was removed, and how many bytes that freed."""

    removed: tuple[EnvironmentView, ...]
    freed: int
