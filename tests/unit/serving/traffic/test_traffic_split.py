import msgspec
import pytest

from bms.core.errors import BmsError, NotFound, Unavailable
from bms.core.serving.snapshot import DeploymentEntry, ReplicaAddress, ServedVersion, SnapshotUpdate
from bms.serving.traffic.snapshot_index import DeploymentRoute, SnapshotIndex
from bms.serving.traffic.split import UnknownAlias, choose_version, find_route

REPLICA = (ReplicaAddress(id="r", address="unix:/r"),)


def version(
    number: int, weight: int = 0, state: str = "AVAILABLE", aliases: tuple[str, ...] = (), replicas: bool = True
) -> ServedVersion:
    return ServedVersion(
        number=number,
        state=state,  # type: ignore[arg-type]
        signatures={},
        replicas=REPLICA if replicas else (),
        aliases=aliases,
        weight=weight,
    )


def route(*versions: ServedVersion) -> DeploymentRoute:
    return DeploymentRoute(
        DeploymentEntry(
            id="d",
            tenant="a",
            name="m",
            model="m",
            versions=versions,
            known_aliases=("stable", "later", "elsewhere"),
            unserved_aliases={"elsewhere": 9},
        )
    )


FLEET = route(
    version(1, weight=75, aliases=("stable",)),
    version(2, weight=25),
    version(3, weight=50, state="LOADING"),
    version(4, weight=50, replicas=False),
    version(5),
)


@pytest.mark.parametrize(("draw", "number"), [(0.0, 1), (0.5, 1), (0.749, 1), (0.75, 2), (0.999999, 2)])
def test_weights_of_what_is_served_share_the_unnamed_requests(draw: float, number: int) -> None:
    assert choose_version(FLEET, None, None, draw).number == number


def test_a_version_without_weight_answers_when_it_is_named() -> None:
    assert choose_version(FLEET, 5, None, 0.0).number == 5


def test_an_alias_names_its_version() -> None:
    assert choose_version(FLEET, None, "stable", 0.0).number == 1


@pytest.mark.parametrize(
    ("number", "alias", "error"),
    [
        (9, None, NotFound),
        (3, None, Unavailable),
        (4, None, Unavailable),
        (None, "nothing", NotFound),
        (None, "later", Unavailable),
        (None, "elsewhere", UnknownAlias),
    ],
)
def test_what_is_not_served_is_refused_in_its_own_way(
    number: int | None, alias: str | None, error: type[BmsError]
) -> None:
    with pytest.raises(error):
        choose_version(FLEET, number, alias, 0.0)


def test_an_alias_that_leads_elsewhere_says_which_version_it_is_and_what_is_served() -> None:
    with pytest.raises(UnknownAlias, match=r"'elsewhere' of 'm' is version 9, .* serves 1, 2, 3, 4, 5; make version 9"):
        choose_version(FLEET, None, "elsewhere", 0.0)


def test_an_alias_of_a_version_that_goes_away_is_answered_as_long_as_its_number_is() -> None:
    leaving = version(9)
    assert choose_version(route(version(1, weight=1), leaving), None, "elsewhere", 0.0) is leaving


@pytest.mark.parametrize("state", ["UNLOADING", "END"])
def test_a_deployment_that_was_stopped_says_so(state: str) -> None:
    with pytest.raises(Unavailable, match="'m' is stopped: `bms deployment start m`") as refusal:
        choose_version(route(version(1, state=state)), None, None, 0.0)
    assert refusal.value.retry_after_s is None


def test_a_deployment_that_serves_nothing_yet_asks_to_come_again() -> None:
    with pytest.raises(Unavailable) as refusal:
        choose_version(route(version(1, weight=1, state="LOADING")), None, None, 0.0)
    assert refusal.value.retry_after_s == 1.0


def test_another_tenants_deployment_is_not_found() -> None:
    entry = DeploymentEntry(id="d", tenant="a", name="m", model="m", versions=())
    index = SnapshotIndex().apply(SnapshotUpdate(revision=1, full=True, puts=(entry,)))
    assert find_route(index, "a", "m").entry is entry
    with pytest.raises(NotFound):
        find_route(index, "b", "m")


def test_a_deployment_whose_replicas_died_says_so_and_names_the_logs() -> None:
    died = msgspec.structs.replace(version(1, weight=1, state="LOADING"), error="its process ended with exit code 3")
    for number in (None, 1):
        with pytest.raises(Unavailable) as refusal:
            choose_version(route(died), number, None, 0.0)
        assert "its process ended with exit code 3" in refusal.value.message
        assert "`bms logs m`" in refusal.value.message
        assert "takes traffic yet" not in refusal.value.message
