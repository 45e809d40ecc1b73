"""Builds the snapshot entry by which gateways route a deployment: its versions and their ready replicas."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from bms.control.deployments.batching import rows_together
from bms.control.deployments.nouns import Deployment, Replica, TrafficRoute
from bms.control.deployments.planning.observed_state import Desired
from bms.control.deployments.planning.routing import led_by
from bms.control.deployments.signatures import served
from bms.control.models.nouns import Version, VersionFacts
from bms.core.serving.snapshot import DeploymentEntry, ReplicaAddress, ServedVersion


def shown_versions(desired: Desired, route: TrafficRoute) -> list[int]:
    """Numbers of the versions that an entry contains."""
    return sorted(desired.versions | route.versions | {retired.version for retired in route.retired})


def deployment_entry(
    deployment: Deployment,
    desired: Desired,
    route: TrafficRoute,
    replicas: Sequence[Replica],
    versions: Mapping[int, Version | VersionFacts],
    token_of: Callable[[str], bytes],
) -> DeploymentEntry | None:
    """The entry of a deployment; None for a deleted one. A version that lost its traffic is in it as long as it is
    loaded.

    `token_of` knows what the model server of a replica asks of who connects.
    """
    if deployment.deleted:
        return None
    shown: list[ServedVersion] = []
    for number in shown_versions(desired, route):
        version = versions.get(number)
        if version is None:
            continue
        one = _served(
            version,
            desired,
            route,
            [replica for replica in replicas if replica.version == number],
            rows_together(deployment.spec.batching, version.runtime, version.signatures),
            token_of,
        )
        if desired.stopped:
            one = msgspec.structs.replace(one, state="UNLOADING" if one.replicas else "END", error="")
        if one.replicas or number in desired.versions or number in route.versions:
            shown.append(one)
    return DeploymentEntry(
        id=deployment.id,
        tenant=deployment.tenant,
        name=deployment.name,
        model=deployment.spec.model,
        versions=tuple(shown),
        max_in_flight=deployment.spec.max_in_flight,
        timeout_s=deployment.spec.timeout_s,
        dialect=deployment.spec.dialect,
        known_aliases=tuple(sorted(desired.aliases)),
        unserved_aliases={
            alias: number
            for alias, number in sorted(desired.aliases.items())
            if number not in desired.versions and number not in route.versions
        },
        revision=route.revision,
    )


def _served(
    version: Version | VersionFacts,
    desired: Desired,
    route: TrafficRoute,
    replicas: Sequence[Replica],
    max_rows: int,
    token_of: Callable[[str], bytes],
) -> ServedVersion:
    share = next((share for share in route.shares if share.version == version.number), None)
    ready = [replica for replica in replicas if replica.state == "ready"]
    starting = any(replica.state == "starting" for replica in replicas)
    failed = [replica for replica in replicas if replica.state == "failed"]
    plain = ServedVersion(
        number=version.number,
        state="AVAILABLE" if ready else "LOADING" if starting else "END" if failed else "START",
        signatures=served(version),
        replicas=tuple([ReplicaAddress(id=one.id, address=one.address, token=token_of(one.id)) for one in ready]),
        platform=version.runtime,
        error=failed[-1].reason if failed and not ready else "",
        max_rows=max_rows,
    )
    if share is None:
        return plain
    return msgspec.structs.replace(plain, weight=share.weight, aliases=led_by(share, desired))
