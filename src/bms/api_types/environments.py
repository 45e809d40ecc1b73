"""/api/v1/environments: the Python packages that models and jobs run with."""

from typing import Annotated

import msgspec

EnvironmentState = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["absent", "building", "built", "failed"]})]


class EnvironmentSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What an environment must have installed. Without requirements and lock: the platform's own interpreter and
    packages (ONNX Runtime, NumPy). `python` is a version such as "3.11"; None: the platform's.

    `lock` holds the lines of a lock file, `name==version --hash=sha256:…`: nothing it names is resolved anew, and
    what is installed must have one of its hashes. `index` names one of the operator's indexes; "" is the default.
    """

    requirements: tuple[str, ...] = ()
    python: str | None = None
    lock: tuple[str, ...] = ()
    index: str = ""


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """One environment. `versions` and `jobs` count those of the tenant that asks (of all tenants, for the operator's).

    `python` is a version; `lock` the digest of what it was resolved to, `packages` how many that are; `size` in bytes,
    `built_s` in seconds. What only a build can determine is empty before one has ended.
    """

    digest: str
    state: EnvironmentState
    python: str = ""
    requirements: tuple[str, ...] = ()
    index: str = ""
    locked: bool = False
    lock: str = ""
    packages: int = 0
    size: int = 0
    built_s: float = 0.0
    versions: int = 0
    jobs: int = 0


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """The environments that a prune removed, and how many bytes that freed."""

    removed: tuple[Environment, ...]
    freed: int
