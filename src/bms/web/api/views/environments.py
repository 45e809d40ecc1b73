"""Converts environments and requests for them to and from the API's types."""

from bms.api_types import environments
from bms.control.environments.nouns import EnvironmentView, Pruned
from bms.core.workloads.environments import EnvironmentSpec


def spec(one: EnvironmentSpec) -> environments.EnvironmentSpec:
    return environments.EnvironmentSpec(
        requirements=one.requirements, python=one.python, lock=one.lock, index=one.index
    )


def environment(one: EnvironmentView) -> environments.Environment:
    return environments.Environment(
        digest=one.digest,
        state=one.state,
        python=one.python,
        requirements=one.requirements,
        index=one.index,
        locked=one.locked,
        lock=one.lock,
        packages=one.packages,
        size=one.size,
        built_s=one.built_s,
        versions=one.versions,
        jobs=one.jobs,
    )


def pruned(one: Pruned) -> environments.Pruned:
    return environments.Pruned(removed=tuple(environment(each) for each in one.removed), freed=one.freed)
