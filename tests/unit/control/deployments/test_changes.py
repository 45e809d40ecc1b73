"""What an event says may have changed."""

import pytest

from bms.control.deployments.changes import Changes, changes_of
from bms.core.clock import ManualClock
from bms.core.events import Event


def event(name: str, subject: str, **details: str | int) -> Event:
    return Event(name=name, tenant="t", subject=subject, actor="a", at=ManualClock().now(), details=dict(details))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (event("key.revoked", "k1"), Changes(keys={"k1"})),
        (event("user.changed", "u1"), Changes(users={"u1"})),
        (event("deployment.changed", "digits", id="d1"), Changes(deployments={"d1"})),
        (event("replica.ready", "digits", id="d1", replica="r"), Changes(deployments={"d1"})),
        (event("alias.moved", "m", alias="production"), Changes(models={("t", "m")})),
        (event("version.offline", "ver_1", model="m", number=1), Changes(models={("t", "m")})),
        (event("model.deleted", "m"), Changes(models={("t", "m")})),
        (event("job.ended", "j1"), Changes()),
    ],
)
def test_an_event_names_what_to_read_again(told: Event, expected: Changes) -> None:
    assert changes_of([told]) == expected
