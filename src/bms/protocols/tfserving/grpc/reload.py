"""TensorFlow Serving's HandleReloadConfigRequest: compares a list of models to be served with what is served.

TensorFlow Serving makes of such a list all that it serves. Here deployments say what is served: a list that equals them
succeeds, and any other is refused with what it would change. Where a model's versions lie on a disk, `base_path`, and
which of those are taken by a policy that names none, has no meaning here.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from bms.core.errors import InvalidArgument
from bms.core.serving.snapshot import DeploymentEntry
from bms.protocols.protobuf.wire import field

DONE = field(1, b"")  # a ReloadConfigResponse whose status is OK


class WantedModel(NamedTuple):
    """One model of the list. `versions` None: no policy names any."""

    name: str
    versions: frozenset[int] | None
    labels: Mapping[str, int]


def read_config(request: Any) -> list[WantedModel]:
    """Parses a ReloadConfigRequest. Raises InvalidArgument, in TensorFlow Serving's words, for one without a list, and
    for a model that is listed twice."""
    if request.config.WhichOneof("config") != "model_config_list":
        raise InvalidArgument(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently "
            "supported"
        )
    found: dict[str, WantedModel] = {}
    for each in request.config.model_config_list.config:
        if each.name in found:
            raise InvalidArgument(f"Illegal to list model {each.name[:80]} multiple times in config list")
        policy = each.model_version_policy
        named = frozenset(policy.specific.versions) if policy.WhichOneof("policy_choice") == "specific" else None
        found[each.name] = WantedModel(each.name, named, dict(each.version_labels))
    return list(found.values())


def changes(wanted: Sequence[WantedModel], entries: Iterable[DeploymentEntry]) -> list[str]:
    """Describes what would be served otherwise than it is; empty where the list equals what is served.

    Labels that it does not name stay: they are the models' aliases.
    """
    served = {entry.name: entry for entry in entries if _numbers(entry)}
    told: list[str] = []
    for each in wanted:
        entry = served.pop(each.name, None)
        if entry is None:
            told.append(f"{each.name[:80]!r} would be loaded")
            continue
        now = _numbers(entry)
        if each.versions is not None and each.versions != now:
            told.append(f"{each.name!r} would serve {_shown(each.versions)} in place of {_shown(now)}")
        labels = {label: version.number for version in entry.versions for label in version.aliases}
        told += [
            f"{label[:80]!r} of {each.name!r} would be version {number}, "
            + (f"not {labels[label]}" if label in labels else "and is none")
            for label, number in sorted(each.labels.items())
            if labels.get(label) != number
        ]
    return [*told, *(f"{name!r}, which is not listed, would be unloaded" for name in served)]


def _numbers(entry: DeploymentEntry) -> frozenset[int]:
    return frozenset(version.number for version in entry.versions if version.state == "AVAILABLE")


def _shown(numbers: frozenset[int]) -> str:
    few = sorted(numbers)[:10]
    return "no version" if not few else f"version {', '.join(map(str, few))}" + (" …" if len(numbers) > 10 else "")
