"""Decides where a deployment's requests go, from what is ready and where they went before.

1. A version gets traffic only when all its wanted replicas are ready; until all targets may have theirs, everything
   stays as it was. A version that has traffic already needs one ready replica to keep it.
2. When nothing that has unnamed traffic is ready any more, whatever is ready helps out: first targets that are ready
   in part, then the version that lost its traffic last. An active deployment answers while it can.
3. An alias leads to the version it names if that version has a share; one that a target follows stays where it was
   until its new version has taken over.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from bms.control.deployments.nouns import Retired, TrafficRoute, TrafficShare
from bms.control.deployments.planning.observed_state import Desired
from bms.control.deployments.planning.replica_states import SettledReplicas


def route(desired: Desired, seen: SettledReplicas, previous: TrafficRoute, now: datetime) -> TrafficRoute:
    """The next route; equal to `previous` when nothing is to change."""
    if not desired.wanted:
        return _moved(desired, previous, {}, now)
    ready = {replica.version: len(seen.of(replica.version, "ready")) for replica in seen.replicas}
    weights = _wanted_weights(desired)
    if weights and all(_admitted(version, desired, seen, previous) for version in weights):
        return _moved(desired, previous, weights, now)
    kept = {share.version: share.weight for share in previous.shares}
    if any(weight and ready.get(version) for version, weight in kept.items()):
        return _moved(desired, previous, kept, now)
    return _moved(desired, previous, _stand_ins(weights, previous, ready) or kept, now)


def led_by(share: TrafficShare, desired: Desired) -> tuple[str, ...]:
    """The aliases of a version that has traffic. One that no target follows counts as soon as it is set, not with the
    next round: nothing has to be loaded for it."""
    followed = _followed(desired)
    set_now = {name for name, number in desired.aliases.items() if number == share.version and name not in followed}
    return tuple(sorted(set_now.union(name for name in share.aliases if name in followed)))


def _wanted_weights(desired: Desired) -> dict[int, int]:
    """Weights by version; empty as long as one target is not resolved."""
    weights: dict[int, int] = {}
    for target in desired.targets:
        if target.version is None:
            return {}
        weights[target.version] = weights.get(target.version, 0) + target.weight
    return weights


def _admitted(version: int, desired: Desired, seen: SettledReplicas, previous: TrafficRoute) -> bool:
    needed = 1 if version in previous.versions else desired.replicas
    return len(seen.of(version, "ready")) >= needed


def _stand_ins(weights: Mapping[int, int], previous: TrafficRoute, ready: Mapping[int, int]) -> dict[int, int]:
    partly = {version: weight for version, weight in weights.items() if weight and ready.get(version)}
    if partly:
        return partly
    for retired in sorted(previous.retired, key=lambda one: one.at, reverse=True):
        if ready.get(retired.version):
            return {retired.version: 100}
    return {}


def _moved(desired: Desired, previous: TrafficRoute, weights: Mapping[int, int], now: datetime) -> TrafficRoute:
    shares = tuple(
        TrafficShare(version=version, weight=weight, aliases=_aliases(version, weights, desired, previous))
        for version, weight in sorted(weights.items())
    )
    lost = {retired.version: retired for retired in previous.retired if retired.version not in weights}
    lost |= {version: Retired(version=version, at=now) for version in sorted(previous.versions - set(weights))}
    kept = timedelta(seconds=desired.keep_previous_s)
    retired = tuple(one for one in lost.values() if one.at + kept > now and desired.wanted)
    traffic = [(share.version, share.weight) for share in shares]
    same = traffic == [(share.version, share.weight) for share in previous.shares]
    since = previous.since if same and previous.since is not None else now
    return msgspec.structs.replace(previous, shares=shares, retired=retired, since=since if shares else previous.since)


def _aliases(version: int, weights: Mapping[int, int], desired: Desired, previous: TrafficRoute) -> tuple[str, ...]:
    """Aliases that lead to `version` now; `weights` are of all versions with a share."""
    followed = _followed(desired)
    before = {alias: share.version for share in previous.shares for alias in share.aliases}
    names = {alias for alias, number in desired.aliases.items() if number == version}
    for alias, number in before.items():
        waits = alias in followed and desired.aliases.get(alias) not in weights
        if number == version and waits:
            names.add(alias)
    return tuple(sorted(names))


def _followed(desired: Desired) -> frozenset[str]:
    return frozenset(target.alias for target in desired.targets if target.alias is not None)
