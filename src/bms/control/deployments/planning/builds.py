"""Names a replica's build: a digest of all options that its process is started with, beside its version.

Fields that came later are left out while they have their default, so that a replica started before still counts as the
build that is wanted.
"""

import msgspec

from bms.control.deployments.nouns import DeploymentSpec
from bms.core.digest import of_parts
from bms.core.workloads.programs import Batching
from bms.core.workloads.resources import Resources


def build_of(spec: DeploymentSpec) -> str:
    """The build's name: 16 hexadecimal digits."""
    resources = _part(spec.resources, Resources(), ("cpu", "memory", "gpu"))
    batching = _part(spec.batching, Batching(), ("max_rows", "max_wait_s"))
    parts: list[object] = [spec.model, resources, batching, spec.drain_s]
    if not spec.share_weights:
        parts.append("weights of its own")
    return of_parts([msgspec.json.encode(parts).decode()]).removeprefix("sha256:")[:16]


def _part(asked: msgspec.Struct, plain: msgspec.Struct, first: tuple[str, ...]) -> dict[str, object]:
    """The fields of `asked` by name: the `first` ones always, later ones only where they differ from `plain`."""
    fields: dict[str, object] = msgspec.to_builtins(asked)
    usual: dict[str, object] = msgspec.to_builtins(plain)
    return {name: fields[name] for name in (*first, *fields) if name in first or fields[name] != usual[name]}
