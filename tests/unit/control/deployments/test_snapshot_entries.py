"""What gateways are told about deployments."""

import msgspec

from bms.control.deployments.nouns import (
    Deployment,
    DeploymentSpec,
    Replica,
    Retired,
    Target,
    TrafficRoute,
    TrafficShare,
)
from bms.control.deployments.planning.observed_state import Desired, ResolvedTarget
from bms.control.deployments.signatures import loaded, served
from bms.control.deployments.views.snapshot_entries import deployment_entry
from bms.control.models.nouns import Version
from bms.core.clock import ManualClock
from bms.core.tensors.preprocessing import ImagePreprocess
from bms.core.tensors.signature import Signature, TensorSpec
from tests.worlds.deployments import TOKENS

NOW = ManualClock().now()
CLASSIFY = Signature(
    inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 64)),),
    outputs=(TensorSpec(name="p", dtype="FP32", shape=(None, 10)),),
    method="classify",
    scores="p",
)


def version(number: int, **more: object) -> Version:
    plain = Version(
        id=f"v{number}",
        tenant="t",
        model="m",
        number=number,
        state="ready",
        runtime="onnx",
        artifact="sha256:0",
        size=1,
        created_at=NOW,
        created_by="ann",
        signatures={"serving_default": CLASSIFY},
    )
    return msgspec.structs.replace(plain, **more)


def replica(id: str, number: int, state: str, reason: str = "") -> Replica:
    return Replica(
        id=id,
        tenant="t",
        deployment="d",
        version=number,
        build="b",
        state=state,  # type: ignore[arg-type]
        address=f"unix:/{id}",
        created_at=NOW,
        reason=reason,
    )


DEPLOYMENT = Deployment(
    id="d",
    tenant="t",
    name="digits",
    spec=DeploymentSpec(model="m", targets=(Target(alias="production"),), max_in_flight=9, timeout_s=3.0),
    created_at=NOW,
    created_by="ann",
)
DESIRED = Desired(
    deployment="d",
    tenant="t",
    since=NOW,
    targets=(ResolvedTarget(version=2, weight=100, alias="production"),),
    aliases={"production": 2, "old": 1, "other": 9},
    replicas=1,
    build="b",
)
ROUTE = TrafficRoute(
    deployment="d", tenant="t", shares=(TrafficShare(version=1, weight=100, aliases=("old", "production")),)
)
VERSIONS = {number: version(number) for number in (1, 2, 3)}


def test_traffic_stays_with_the_routed_version_while_the_next_one_loads() -> None:
    replicas = [replica("a", 1, "ready"), replica("b", 1, "draining"), replica("c", 2, "starting")]
    entry = deployment_entry(DEPLOYMENT, DESIRED, ROUTE, replicas, VERSIONS, TOKENS.of)
    assert entry is not None
    assert (entry.name, entry.model, entry.max_in_flight, entry.timeout_s) == ("digits", "m", 9, 3.0)
    assert entry.known_aliases == ("old", "other", "production")
    assert entry.unserved_aliases == {"other": 9}
    one, two = entry.versions
    assert (one.number, one.state, one.weight, one.aliases) == (1, "AVAILABLE", 100, ("old", "production"))
    assert [address.id for address in one.replicas] == ["a"], "a draining replica is not for gateways"
    assert one.replicas[0].token == TOKENS.of("a") != TOKENS.of("b")
    assert (two.number, two.state, two.weight, two.replicas) == (2, "LOADING", 0, ())


def test_an_alias_that_nothing_follows_leads_to_its_version_before_the_next_round() -> None:
    shares = (TrafficShare(version=1, weight=50, aliases=("moved", "production")), TrafficShare(version=3, weight=50))
    route = msgspec.structs.replace(ROUTE, shares=shares)
    desired = msgspec.structs.replace(DESIRED, aliases={"production": 2, "new": 1, "moved": 3, "unserved": 9})
    entry = deployment_entry(DEPLOYMENT, desired, route, [replica("a", 1, "ready")], VERSIONS, TOKENS.of)
    assert entry is not None
    led = {one.number: one.aliases for one in entry.versions}
    assert led == {1: ("new", "production"), 2: (), 3: ("moved",)}, "one that is followed stays until 2 takes over"


def test_an_alias_of_a_version_that_is_no_target_is_told_apart_from_one_that_is_on_its_way() -> None:
    aliases = {"production": 2, "old": 1, "next": 3, "coming": 2}
    desired = msgspec.structs.replace(DESIRED, aliases=aliases)
    for one in (desired, msgspec.structs.replace(desired, stopped=True)):
        entry = deployment_entry(DEPLOYMENT, one, ROUTE, [replica("a", 1, "ready")], VERSIONS, TOKENS.of)
        assert entry is not None
        assert entry.unserved_aliases == {"next": 3}


def test_a_version_that_failed_ends_with_its_reason() -> None:
    entry = deployment_entry(DEPLOYMENT, DESIRED, ROUTE, [replica("c", 2, "failed", "too big")], VERSIONS, TOKENS.of)
    assert entry is not None
    assert (entry.versions[1].state, entry.versions[1].error) == ("END", "too big")


def test_a_retired_version_is_shown_while_it_is_loaded() -> None:
    route = TrafficRoute(
        deployment="d", tenant="t", shares=(TrafficShare(version=2, weight=100),), retired=(Retired(version=1, at=NOW),)
    )
    entry = deployment_entry(DEPLOYMENT, DESIRED, route, [replica("a", 1, "ready")], VERSIONS, TOKENS.of)
    assert entry is not None
    assert [(one.number, one.weight) for one in entry.versions] == [(1, 0), (2, 100)]
    entry = deployment_entry(DEPLOYMENT, DESIRED, route, [replica("a", 1, "draining")], VERSIONS, TOKENS.of)
    assert entry is not None
    assert [one.number for one in entry.versions] == [2]


def test_versions_of_a_stopped_deployment_have_ended() -> None:
    stopped = msgspec.structs.replace(DESIRED, stopped=True)
    route = msgspec.structs.replace(ROUTE, shares=())
    entry = deployment_entry(DEPLOYMENT, stopped, route, [replica("a", 2, "failed", "too big")], VERSIONS, TOKENS.of)
    assert entry is not None
    assert [(one.number, one.state, one.error, one.weight) for one in entry.versions] == [(2, "END", "", 0)]
    entry = deployment_entry(DEPLOYMENT, stopped, route, [replica("a", 2, "ready")], VERSIONS, TOKENS.of)
    assert entry is not None
    assert entry.versions[0].state == "UNLOADING"


def test_a_deleted_deployment_has_no_entry() -> None:
    gone = msgspec.structs.replace(DEPLOYMENT, deleted=True)
    assert deployment_entry(gone, DESIRED, ROUTE, [replica("a", 1, "ready")], VERSIONS, TOKENS.of) is None


def test_class_names_reach_the_signature_and_images_add_one() -> None:
    preprocess = ImagePreprocess(input="x", mode="L", height=8, width=8)
    made = version(1, labels=("zero", "one"), preprocess=preprocess)
    assert loaded(made)["serving_default"].labels == ("zero", "one")
    assert set(loaded(made)) == {"serving_default"}
    image = served(made)["image"]
    assert image.inputs == (TensorSpec(name="image", dtype="BYTES", shape=(None,)),)
    assert (image.outputs, image.labels, image.method) == (CLASSIFY.outputs, ("zero", "one"), "classify")
    verified = version(1, preprocess=preprocess, signatures=served(made))
    assert set(loaded(verified)) == {"serving_default"}, "the runtime does not know the one for images"
    assert set(served(version(1))) == {"serving_default"}
