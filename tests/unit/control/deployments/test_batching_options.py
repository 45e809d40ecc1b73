"""What a deployment may ask for in batching, and when that makes another process."""

import msgspec
import pytest

from bms.control.deployments.batching import within
from bms.control.deployments.nouns import Deployment, DeploymentSpec, Target, TrafficRoute, TrafficShare
from bms.control.deployments.planning.builds import build_of
from bms.control.deployments.planning.observed_state import Desired, ResolvedTarget
from bms.control.deployments.reconciliation.replica_launcher import workload_spec
from bms.control.deployments.views.snapshot_entries import deployment_entry
from bms.core.errors import InvalidArgument
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.workloads.programs import Batching, ModelServerConfig
from tests.unit.control.deployments.test_snapshot_entries import NOW, replica, version
from tests.worlds.deployments import TOKENS


def spec(**batching: object) -> DeploymentSpec:
    return DeploymentSpec(model="m", targets=(Target(version=1),), batching=Batching(**batching))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("batching", "says"),
    [
        ({"max_rows": 0}, "max_rows is 1 to 65536, not 0"),
        ({"max_wait_s": 11.0}, "max_wait_s is 0 to 10 seconds, not 11"),
        ({"objective_s": 0.0}, "objective_s is 0.001 to 60 seconds, not 0"),
        ({"sizes": (4, 1)}, r"sizes is \[4, 1\], expected .* each larger than the one before"),
        ({"sizes": (1, 1)}, "each larger"),
        ({"sizes": (0, 4)}, "from 1 to 65536"),
        ({"sizes": (1, 65_537)}, "from 1 to 65536"),
        ({"sizes": tuple(range(1, 40))}, "at most 32 numbers"),
    ],
)
def test_what_can_t_be_is_named(batching: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidArgument, match=says):
        spec(**batching)


def test_what_was_stored_before_is_still_read() -> None:
    stored = {"model": "m", "targets": [{"version": 1}], "batching": {"max_rows": 8, "max_wait_s": 0.01}}
    read = msgspec.convert(stored, DeploymentSpec)
    assert read.batching == Batching(max_rows=8, max_wait_s=0.01)
    assert (read.batching.policy, read.batching.rows_together) == ("static", 8)


def test_a_replica_started_before_there_were_more_options_is_still_the_wanted_one() -> None:
    assert build_of(spec()) == "faba2a6b7ee1ef38"


def test_every_option_makes_another_process() -> None:
    asked = [{}, {"policy": "adaptive"}, {"policy": "off"}, {"max_rows": 8}, {"max_wait_s": 0.1}, {"sizes": (1, 4)}]
    asked.append({"policy": "adaptive", "objective_s": 0.2})
    assert len({build_of(spec(**one)) for one in asked}) == len(asked)


@pytest.mark.parametrize(("replicas", "asked", "shared"), [(1, True, False), (2, True, True), (2, False, False)])
def test_weights_are_shared_where_there_are_several_replicas(replicas: int, asked: bool, shared: bool) -> None:
    wanted = msgspec.structs.replace(spec(), replicas=replicas, share_weights=asked)
    made = workload_spec(replica("r", 1, "starting"), wanted, version(1), epoch=1)
    config = msgspec.convert(made.config, ModelServerConfig)
    assert config.servable.share_weights == shared
    assert (build_of(wanted) == build_of(spec())) == asked


def test_gateways_are_told_how_many_rows_may_run_together() -> None:
    deployment = Deployment(id="d", tenant="t", name="n", spec=spec(sizes=(1, 8)), created_at=NOW, created_by="ann")
    route = TrafficRoute(deployment="d", tenant="t", shares=(TrafficShare(version=1, weight=100),))
    desired = Desired(
        deployment="d",
        tenant="t",
        since=NOW,
        targets=(ResolvedTarget(version=1, weight=100, alias=None),),
        aliases={},
        problems={},
        replicas=1,
        build="b",
        deleted=False,
        drain_s=1,
        keep_previous_s=1,
        start_timeout_s=1,
    )
    elsewhere = msgspec.structs.replace(version(1), runtime="remote")
    for served, rows in ((version(1), 8), (elsewhere, 1)):  # what is elsewhere is asked by each request for itself
        entry = deployment_entry(deployment, desired, route, [replica("r", 1, "ready")], {1: served}, TOKENS.of)
        assert entry is not None
        assert entry.versions[0].max_rows == rows


@pytest.mark.parametrize(
    ("batching", "rows"),
    [({}, 64), ({"policy": "off"}, 1), ({"max_rows": 1}, 1), ({"sizes": (1, 4, 16)}, 16), ({"max_rows": 9}, 9)],
)
def test_how_many_rows_may_run_together(batching: dict[str, object], rows: int) -> None:
    assert spec(**batching).batching.rows_together == rows


@pytest.mark.parametrize(
    ("batching", "most", "expected"),
    [
        ({"max_rows": 64}, 0, {"max_rows": 64}),
        ({"max_rows": 64}, 8, {"max_rows": 8}),
        ({"max_rows": 4}, 8, {"max_rows": 4}),
        ({"sizes": (1, 4, 16)}, 8, {"max_rows": 8, "sizes": (1, 4)}),
        ({"sizes": (16,)}, 8, {"max_rows": 8, "sizes": (8,)}),
    ],
)
def test_no_more_rows_run_together_than_the_version_takes(
    batching: dict[str, object], most: int, expected: dict[str, object]
) -> None:
    spec_of = TensorSpec(name="x", dtype="FP32", shape=(None,))
    signatures = {"a": Signature(inputs=(spec_of,), max_batch_size=most), "b": Signature(inputs=(spec_of,))}
    assert within(Batching(**batching), signatures) == Batching(**expected)  # type: ignore[arg-type]
