"""Determines the state of each replica from its record, its workload and its health answer."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from bms.control.deployments.nouns import Replica
from bms.control.deployments.planning.observed_state import Desired, ObservedDeployment
from bms.control.deployments.planning.retries import GONE, NOT_HERE, PLATFORM_STOPPED
from bms.control.jobs.outcomes import exit_text
from bms.core.workloads.limits import OVER_MEMORY
from bms.core.workloads.workload import WorkloadStatus


class SettledReplicas(msgspec.Struct, frozen=True, kw_only=True):
    """Replicas in their new states; `ready` and `failed` are the ones that became so just now."""

    replicas: tuple[Replica, ...]
    ready: Mapping[str, str] = {}  # where each is spoken to
    moved: Mapping[str, str] = {}  # ready before, and spoken to elsewhere now
    failed: Mapping[str, str] = {}
    gone: Mapping[str, str] = {}  # ended, and it is no failure: were draining, or the platform was stopped; why

    def of(self, version: int, *states: str) -> list[Replica]:
        return [replica for replica in self.replicas if replica.version == version and replica.state in states]


def observe_replicas(desired: Desired, observed: ObservedDeployment, now: datetime) -> SettledReplicas:
    """Determines the new state of each replica from its workload and its health answer."""
    replicas: list[Replica] = []
    ready: dict[str, str] = {}
    moved: dict[str, str] = {}
    failed: dict[str, str] = {}
    gone: dict[str, str] = {}
    for replica in observed.replicas:
        stopped = _stopped(replica, observed)
        reason = stopped or _failure(replica, desired, observed, now)
        if stopped or (replica.state == "draining" and reason):
            gone[replica.id] = stopped
            replica = msgspec.structs.replace(replica, state="stopped", ended_at=now, reason=stopped or replica.reason)
        elif reason:
            failed[replica.id] = reason
            replica = msgspec.structs.replace(replica, state="failed", ended_at=now, reason=reason)
        elif replica.state == "starting" and _answers(replica, observed):
            ready[replica.id] = address = _address(replica, observed)
            replica = msgspec.structs.replace(replica, state="ready", ready_at=now, address=address)
        elif replica.state == "ready" and (address := _address(replica, observed)) != replica.address:
            moved[replica.id] = address
            replica = msgspec.structs.replace(replica, address=address)
        replicas.append(replica)
    return SettledReplicas(replicas=tuple(replicas), ready=ready, moved=moved, failed=failed, gone=gone)


def _address(replica: Replica, observed: ObservedDeployment) -> str:
    """The replica's address, as the cluster reports it; the recorded one where the cluster can't be asked."""
    workload = (observed.workloads or {}).get(replica.id)
    return replica.address if workload is None or not workload.endpoint else workload.endpoint


def _answers(replica: Replica, observed: ObservedDeployment) -> bool:
    status = observed.statuses.get(replica.id)
    return status is not None and status.state == "AVAILABLE"


def _stopped(replica: Replica, observed: ObservedDeployment) -> str:
    """The reason why a live replica ended that did not fail: it went with the whole platform. Empty for others."""
    if replica.state in ("stopped", "failed") or observed.workloads is None:
        return ""
    workload = observed.workloads.get(replica.id)
    if workload is None:
        return NOT_HERE if replica.state == "ready" else ""
    return PLATFORM_STOPPED if workload.state == "ended" and workload.platform_stopped else ""


def _failure(replica: Replica, desired: Desired, observed: ObservedDeployment, now: datetime) -> str:
    """The reason why a live replica counts as failed; empty while it does not."""
    if replica.state in ("stopped", "failed"):
        return ""
    if replica.state == "starting" and (error := observed.launch_errors.get(replica.id)):
        return error
    status = observed.statuses.get(replica.id)
    if replica.state in ("starting", "ready") and status is not None and status.state == "END":
        return status.error or "the model server ended by itself"
    if observed.workloads is None:
        return ""
    workload = observed.workloads.get(replica.id)
    if workload is None:
        return "" if replica.state == "starting" else GONE
    if workload.state == "ended":
        words = observed.exit_reasons.get(replica.id, "")
        return f"{_end_of(workload)}: {words}" if words and not workload.verdict else _end_of(workload)
    waited = now.timestamp() - workload.started_at / 1e9
    if replica.state == "starting" and waited >= desired.start_timeout_s and not _answers(replica, observed):
        return f"it was not ready {desired.start_timeout_s:g} s after its start"
    return ""


def _end_of(workload: WorkloadStatus) -> str:
    if workload.verdict:
        more = ": `bms deployment set --memory` gives it more" if workload.verdict.startswith(OVER_MEMORY) else ""
        return workload.verdict + more
    code = workload.exit_code
    if code is None:
        return f"{GONE}, and nobody saw how it ended"
    return f"its process ended {exit_text(code)}"
