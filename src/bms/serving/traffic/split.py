"""Chooses the version that answers: the one named by number or alias, else one drawn by weight."""

from bisect import bisect_right

from bms.core.errors import NotFound, Unavailable
from bms.core.serving.snapshot import ServedVersion
from bms.serving.traffic.snapshot_index import DeploymentRoute, SnapshotIndex, served

_UNKNOWN = "Request for unknown model"  # Triton's words, by which its clients tell this from other refusals


class UnknownAlias(NotFound):
    """Raised when no version that the deployment serves, or is to serve, has this alias."""


def find_route(index: SnapshotIndex, tenant: str, name: str) -> DeploymentRoute:
    """Returns the route to a deployment by name. Raises NotFound where this tenant has none of that name."""
    route = index.routes.get((tenant, name))
    if route is None:
        raise NotFound(f"{_UNKNOWN}: {name[:80]!r} is not found: no deployment {name[:80]!r}, list yours at /v1/models")
    return route


def choose_version(route: DeploymentRoute, number: int | None, alias: str | None, draw: float) -> ServedVersion:
    """Returns the version to ask. `draw` is uniform in [0, 1).

    Raises NotFound for an unknown number or alias, Unavailable for a version that is not served now.
    """
    if number is None and alias is None:
        shares = route.shares
        if len(shares) == 1:
            return shares[0]
        if not shares:
            raise _nothing_serves(route)
        return shares[bisect_right(route.bounds, draw * route.total)]
    version = named_version(route, number, alias)
    if not served(version):
        which = f"version {version.number} of {route.entry.name!r}"
        raise Unavailable(
            f"{which} is {version.state}, not AVAILABLE{_why(route, version)}: come again", retry_after_s=1.0
        )
    return version


def named_version(route: DeploymentRoute, number: int | None, alias: str | None) -> ServedVersion:
    """Returns the version of that number or alias, whatever its state. Errors as in `choose_version`."""
    if alias is None:
        version = route.versions.get(number) if number is not None else None
        if version is None:
            which = f"{route.entry.name!r} version {number}"
            raise NotFound(
                f"{_UNKNOWN}: {which} is not found: no version {number} of {route.entry.name!r}, it serves "
                f"{_numbers(route)}"
            )
        return version
    version = route.aliases.get(alias)
    if version is not None:
        return version
    if (nowhere := route.entry.unserved_aliases.get(alias)) is not None:
        if (draining := route.versions.get(nowhere)) is not None:
            return draining
        name = route.entry.name
        raise UnknownAlias(
            f"{alias[:80]!r} of {name!r} is version {nowhere}, which is not served here: this deployment serves "
            f"{_numbers(route)}; make version {nowhere} one of its targets, or deploy it under another name"
        )
    if alias in route.entry.known_aliases:
        raise Unavailable(f"the version that {alias!r} names is not served yet: come again", retry_after_s=1.0)
    raise UnknownAlias(f"no alias {alias[:80]!r} of {route.entry.name!r}: it has {_aliases(route)}")


def _nothing_serves(route: DeploymentRoute) -> Unavailable:
    """Returns the error for a deployment without traffic: not yet, or not any more, since its replicas died or it was
    stopped."""
    name = route.entry.name
    if route.entry.versions and all(version.state in ("UNLOADING", "END") for version in route.entry.versions):
        return Unavailable(f"{name!r} is stopped: `bms deployment start {name}` lets it serve again")
    for version in route.entry.versions:
        if version.error:
            words = f"no replica of {name!r} runs now{_why(route, version)}: come again"
            return Unavailable(words, retry_after_s=1.0)
    return Unavailable(f"no version of {name!r} takes traffic yet: come again", retry_after_s=1.0)


def _why(route: DeploymentRoute, version: ServedVersion) -> str:
    if not version.error:
        return ""
    which = f"the last one of version {version.number}"
    return f", {which} failed: {version.error} (`bms logs {route.entry.name}` says more)"


def _numbers(route: DeploymentRoute) -> str:
    return ", ".join(str(number) for number in sorted(route.versions)) or "none"


def _aliases(route: DeploymentRoute) -> str:
    return ", ".join(repr(alias) for alias in sorted({*route.aliases, *route.entry.known_aliases})) or "none"
