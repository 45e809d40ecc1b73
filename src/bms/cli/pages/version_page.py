"""The view of a model's version, and which version a command's arguments mean."""

import json
from collections.abc import Sequence

import msgspec

from bms.cli.command import CommandSession
from bms.cli.options.gates import bound_text, value_text
from bms.cli.options.version import signature_text
from bms.core.errors import InvalidArgument, NotFound
from bms.core.workloads.isolation import Isolation, words
from bms.core.workloads.resources import size_text
from bms.sdk.models import GateResult, GateStanding, Version


class VersionPage(Version, frozen=True, kw_only=True):
    """Everything that is shown of a version: with the platform's isolation, and the aliases that point at it."""

    isolation: Isolation = Isolation()
    aliases: tuple[str, ...] = ()


def version_meant(session: CommandSession, name: str, number: int | None) -> Version:
    """Resolves `NAME NUMBER`, `NAME@NUMBER` or `NAME@ALIAS`; for `NAME` alone the newest version, whatever its state.
    Where no number was given, prints the version that was chosen. Raises InvalidArgument for a version that is given
    twice, and NotFound."""
    models = session.client.models
    model, sign, which = name.partition("@")
    if sign and number is not None:
        raise InvalidArgument(f"give {name!r} or version {number}, not both")
    if number is not None or (sign and which.isdecimal() and len(which) < 10):
        return models.version(model, int(which) if number is None else number)
    if sign:
        version = models.version(model, models.alias(model, which).version)
        session.out.say(f"version {version.number}, which alias {which} of {model} points at")
        return version
    for version in models.versions(model):
        session.out.say(f"version {version.number}, the newest of {model}")
        return version
    raise NotFound(f"model {model!r} has no version: `bms model push PATH --name {model}` makes one")


def _parameters(version: Version) -> list[str]:
    """Each as it is written with `bms predict --param`, with its default."""
    return list(
        dict.fromkeys(
            f"{one.name}={one.default if isinstance(one.default, str) else json.dumps(one.default)}"
            for each in version.signatures.values()
            for one in each.params
        )
    )


def show_version(session: CommandSession, version: Version) -> None:
    """Prints a version, with the state of its model's gates."""
    costs = version.measurement
    isolation = session.client.system.status().isolation
    aliases = tuple(
        each.name for each in session.client.models.aliases(version.model) if each.version == version.number
    )
    page = VersionPage(**msgspec.structs.asdict(version), isolation=isolation, aliases=aliases)
    standings = () if session.out.json else session.client.models.gates(version.model, version.number)
    session.out.one(
        page,
        {
            "model": version.model,
            "version": version.number,
            "state": version.state,
            "aliases": aliases,
            "why": version.reason,
            "runtime": version.runtime,
            "format": version.format,
            "size": size_text(version.size),
            **{f"signature {name}": signature_text(each) for name, each in version.signatures.items()},
            "parameters": _parameters(version),
            "one request a run": [name for name, each in version.signatures.items() if not each.batched],
            "labels": version.labels,
            "requirements": version.environment.requirements,
            "python": version.environment.python,
            "isolation": words(isolation),
            "metrics": version.metrics,
            **gate_lines(standings, version.gate_results),
            "loads in": f"{costs.load_ns / 1e6:.0f} ms" if costs else "",
            "one row takes": f"{costs.infer_ns / 1e6:.3f} ms" if costs else "",
            "memory": size_text(costs.memory) if costs else "",
            "parent": version.lineage.parent,
            "data": version.lineage.datasets,
            **{f"note {name}": text for name, text in version.metadata.items()},
            "artifact": version.artifact,
        },
    )


def gate_lines(standings: Sequence[GateStanding], results: Sequence[GateResult]) -> dict[str, str]:
    """Describes gate results: the metric, its data, the bound asked for; results that no gate asks for any more say
    so."""
    told: dict[str, str] = {}
    for standing in standings:
        result = standing.result
        dataset = standing.dataset if result is None else result.dataset
        asked = f"{bound_text(standing)} is asked"
        said = (result.reason or result.note) if result is not None else ""
        value = "not measured" if result is None else value_text(result)
        told[f"{standing.metric} on {dataset} {standing.split}"] = f"{value}, {asked}{f': {said}' if said else ''}"
    for result in results:
        if result.value is not None:
            title = f"{result.metric} on {result.dataset} {result.split}"
            told.setdefault(title, f"{value_text(result)}, no gate asks for it any more")
    return told
