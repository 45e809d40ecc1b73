"""What going back to an earlier revision means."""

import msgspec

from bms.control.deployments.nouns import DeploymentRevision, DeploymentSpec, Target


def pinned(revision: DeploymentRevision) -> DeploymentSpec:
    """The revision's spec, to be served, with each target fixed to the version it meant; targets of one version are
    joined."""
    weights: dict[int, int] = {}
    for target, version in zip(revision.spec.targets, revision.versions, strict=True):
        weights[version] = weights.get(version, 0) + target.weight
    targets = tuple(Target(version=version, weight=weight) for version, weight in weights.items())
    return msgspec.structs.replace(revision.spec, targets=targets, stopped=False)
