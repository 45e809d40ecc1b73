"""Which deployments and models an event says may have changed."""

import pytest

from bms.control.deployments.changes import ChangedDeployments, changes_of
from bms.control.deployments.events import DeploymentDeleted, ReplicaReady
from bms.control.jobs.events import JobEnded
from bms.control.models.events import AliasMoved, GateMeasured, ModelDeleted, VersionOffline
from bms.control.tenants.events import KeyRevoked
from bms.core.clock import ManualClock
from bms.core.events import Event, Payload, Recorded, recorded


def told(payload: Payload, subject: str) -> Recorded:
    return recorded(Event(payload=payload, tenant="t", subject=subject, actor="a", at=ManualClock().now()))


def row(name: str, version: int = 1, **details: str | int) -> Recorded:
    at = ManualClock().now()
    return Recorded(name=name, version=version, tenant="t", subject="s", actor="a", at=at, details={**details})


MEASURED = GateMeasured(model="m", number=1, metric="f1", dataset="d@1", split="validation", value=1.0, passed=True)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (told(KeyRevoked(), "k1"), ChangedDeployments()),
        (told(DeploymentDeleted(id="d1", model="m"), "digits"), ChangedDeployments(deployments={"d1"})),
        (told(ReplicaReady(id="d1", replica="r", version=1), "digits"), ChangedDeployments(deployments={"d1"})),
        (
            told(AliasMoved(alias="production", version=1, previous=None, forced=False), "m"),
            ChangedDeployments(models={("t", "m")}),
        ),
        (told(VersionOffline(model="m", number=1), "ver_1"), ChangedDeployments(models={("t", "m")})),
        (told(ModelDeleted(versions=1), "m"), ChangedDeployments(models={("t", "m")})),
        (told(MEASURED, "ver_1"), ChangedDeployments()),
        (told(JobEnded(kind="train", subject="", state="failed"), "j1"), ChangedDeployments()),
    ],
)
def test_an_event_names_what_to_read_again(told: Recorded, expected: ChangedDeployments) -> None:
    assert changes_of([told]) == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (row("deployment.paused", id="d1"), ChangedDeployments(everything=True)),
        (row("replica.ready", version=2, id="d1", replica="r", place="x"), ChangedDeployments(everything=True)),
        (row("version.ready", number=1), ChangedDeployments(everything=True)),
        (row("meteor.fallen"), ChangedDeployments()),
        (row("key.frozen"), ChangedDeployments()),
    ],
)
def test_after_what_a_newer_program_wrote_everything_is_read_again(
    told: Recorded, expected: ChangedDeployments
) -> None:
    assert changes_of([told]) == expected


def test_what_was_written_before_payloads_had_versions_is_read() -> None:
    assert changes_of([row("deployment.changed", id="d1", versions="1", cause="alias production moved to 1")]) == (
        ChangedDeployments(deployments={"d1"})
    )
