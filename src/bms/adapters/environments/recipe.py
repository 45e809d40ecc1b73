"""Resolves an environment spec on this machine: an interpreter, what to install, and the digest of it all."""

import platform
import re
import sys
import sysconfig

import msgspec

from bms.adapters.environments.lock import beside, normalise_lock, pinned
from bms.adapters.environments.requirements import names, normalise
from bms.core.digest import of_parts
from bms.core.errors import InvalidArgument
from bms.core.workloads.environments import EnvironmentSpec

SLIM_REQUIREMENTS = ("google-crc32c>=1.5", "msgspec>=0.18", "numpy")
# Unpinned torch, asked for or drawn in, brings gigabytes of CUDA; a spec that names its version has its way.
CONSTRAINTS = {"torch": "torch==2.13.0"}
OWN_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_PYTHON = re.compile(r"3\.\d{1,2}")
_FORMAT = "environment 1"


class EnvironmentRecipe(msgspec.Struct, frozen=True, kw_only=True):
    """An environment spec, resolved. `python` is a version such as "3.11"; `digest` names the environment for ever.
    `lock` is installed as it is; `requirements`, which it does not cover, are resolved under it. `asked` is what the
    spec asked for."""

    python: str
    asked: tuple[str, ...]
    requirements: tuple[str, ...]
    constraints: tuple[str, ...]
    lock: tuple[str, ...]
    index: str
    digest: str


def platform_digest() -> str:
    """The digest of the platform's own environment."""
    return of_parts([_FORMAT, "own", sys.version, *_machine()])


def recipe(spec: EnvironmentSpec) -> EnvironmentRecipe | None:
    """Resolves a spec; None: the platform's own interpreter and packages will do. Raises InvalidArgument."""
    python = OWN_PYTHON if spec.python is None else spec.python
    if not _PYTHON.fullmatch(python):
        raise InvalidArgument(f"python {python[:40]!r} is not a version: write for example {OWN_PYTHON!r}")
    asked, lock = normalise(spec.requirements), normalise_lock(spec.lock)
    if not asked and not lock and python == OWN_PYTHON:
        return None
    requirements = (*asked, *SLIM_REQUIREMENTS)
    named = names(asked) | pinned(lock).keys()
    constraints = tuple(line for name, line in sorted(CONSTRAINTS.items()) if name not in named)
    parts = [_FORMAT, python, *_machine(), *requirements, "constraints", *constraints]
    parts += ["lock", *lock] if lock else []
    parts += ["index", spec.index] if spec.index else []
    return EnvironmentRecipe(
        python=python,
        asked=asked,
        requirements=beside(requirements, lock),
        constraints=constraints,
        lock=lock,
        index=spec.index,
        digest=of_parts(parts),
    )


def _machine() -> tuple[str, ...]:
    return sysconfig.get_platform(), *platform.libc_ver()
