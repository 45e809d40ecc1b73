"""Whatever happens, in whatever order: an active deployment answers while it can, and ends where it should."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.sizes import enough
from tests.unit.control.deployments.planning_world import World

VERSIONS = st.integers(1, 4)


class Walks(RuleBasedStateMachine):
    """Random events between steps of the loop. `_ready` is what could answer when the last step was planned."""

    @initialize(replicas=st.integers(1, 3), keep=st.sampled_from([0.0, 30.0]))
    def begin(self, replicas: int, keep: float) -> None:
        self.world = World(replicas, keep)
        self.planned = False

    @rule(times=st.integers(1, 3))
    def step(self, times: int) -> None:
        for _ in range(times):
            before = {share.version for share in self.world.route.shares}
            had = {self.world.replicas[id].version for id in self.world.alive}
            self.world.step()
            if before & had and not self.world.desired.deleted:
                routed = {share.version for share in self.world.route.shares}
                left = {self.world.replicas[id].version for id in self.world.alive}
                assert routed & left, "a step took the last answering version away"
        self.planned = True

    @rule(data=st.data())
    def one_loads(self, data: st.DataObject) -> None:
        loading = [
            id
            for id, status in self.world.workloads.items()
            if status.state == "running" and self.world.replicas[id].version not in self.world.broken
        ]
        if loading:
            self.world.available.add(data.draw(st.sampled_from(sorted(loading))))
            self.planned = False

    @rule()
    def all_load(self) -> None:
        self.world.load()
        self.planned = False

    @rule(data=st.data(), code=st.sampled_from([None, 0, 1, -9]))
    def one_dies(self, data: st.DataObject, code: int | None) -> None:
        running = [id for id, status in self.world.workloads.items() if status.state == "running"]
        if running:
            self.world.end(data.draw(st.sampled_from(sorted(running))), exit_code=code)
            self.planned = False

    @rule(version=VERSIONS)
    def the_alias_moves(self, version: int) -> None:
        self.world.move("production", version)
        self.planned = False

    @rule(first=VERSIONS, second=VERSIONS, weight=st.sampled_from([0, 10, 50]))
    def traffic_is_split(self, first: int, second: int, weight: int) -> None:
        self.world.targets = [(first, 100 - weight), (second, weight)]
        self.world.want()
        self.planned = False

    @rule()
    def one_target_follows_the_alias(self) -> None:
        self.world.targets = [("production", 100)]
        self.world.want()
        self.planned = False

    @rule(replicas=st.integers(1, 3))
    def it_is_scaled(self, replicas: int) -> None:
        self.world.want(replicas=replicas)
        self.planned = False

    @rule(build=st.sampled_from(["a", "b"]))
    def it_is_rebuilt(self, build: str) -> None:
        self.world.want(build=build)
        self.planned = False

    @rule(versions=st.frozensets(VERSIONS, max_size=2))
    def versions_break_or_mend(self, versions: frozenset[int]) -> None:
        self.world.broken = set(versions)

    @rule(seconds=st.sampled_from([0.5, 5.0, 31.0, 400.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.clock.advance(seconds)
        self.planned = False

    @rule(blind=st.booleans())
    def the_cluster_is_seen_or_not(self, blind: bool) -> None:
        self.world.blind = blind
        self.planned = False

    @rule()
    def gateways_apply(self) -> None:
        self.world.release()

    @rule(data=st.data())
    def one_falls_silent(self, data: st.DataObject) -> None:
        self.world.silent = (
            set(data.draw(st.lists(st.sampled_from(sorted(self.world.replicas)), max_size=2)))
            if (self.world.replicas)
            else set()
        )
        self.planned = False

    @precondition(lambda self: not self.world.desired.deleted)
    @rule()
    def a_control_that_restarts_plans_the_same(self) -> None:
        assert self.world.plan() == self.world.plan()

    @invariant()
    def what_is_ready_and_wanted_has_the_traffic(self) -> None:
        if not hasattr(self, "world") or not self.planned or self.world.blind:
            return
        world = self.world
        ready = {one.version for one in world.of("ready")}
        weighted = {share.version for share in world.route.shares if share.weight}
        wanted = {target.version for target in world.resolved().targets if target.weight}
        if ready & (wanted | {one.version for one in world.route.retired}):
            assert ready & weighted, "something ready could answer, and nothing ready has traffic"

    @invariant()
    def weights_are_a_whole(self) -> None:
        if hasattr(self, "world") and self.world.route.shares:
            assert sum(share.weight for share in self.world.route.shares) > 0

    def teardown(self) -> None:
        """When nothing more goes wrong, it converges to what is wanted and leaves nothing behind."""
        if not hasattr(self, "world"):
            return
        world = self.world
        world.blind, world.broken, world.silent = False, set(), set()
        for _ in range(60):
            world.clock.advance(31)
            world.load()
            world.release()
            world.step()
        assert world.plan() == []
        weights: dict[int, int] = {}
        for target in world.resolved().targets:
            assert target.version is not None
            weights[target.version] = weights.get(target.version, 0) + target.weight
        assert world.traffic() == weights
        live = [one for one in world.replicas.values() if one.state in ("starting", "ready", "draining")]
        assert len(live) == world.desired.replicas * len(weights)
        assert {one.build for one in live} == {world.desired.build}
        assert set(world.workloads) == {one.id for one in live}


Walks.TestCase.settings = settings(max_examples=enough(20, 100), stateful_step_count=40, deadline=None)
TestWalks = Walks.TestCase
