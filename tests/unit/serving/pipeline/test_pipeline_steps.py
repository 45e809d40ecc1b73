"""A step in every place of the pipeline: what it does there, and that what it holds comes back."""

from itertools import repeat

import msgspec
import numpy as np
import pytest

from bms.core.errors import InvalidArgument
from bms.core.serving.snapshot import DeploymentEntry, ServedVersion
from bms.core.tensors.sequences import SequenceLimits
from bms.core.tensors.sequences import SequenceStep as SequenceStep
from bms.core.tensors.signature import Signature
from bms.core.tensors.tensor import Tensor
from bms.protocols.frames import AnswerMeta, ErrorMeta
from bms.serving.pipeline.context import RequestContext
from bms.serving.pipeline.sequence_routing import SequenceRoutings
from bms.serving.pipeline.step import PipelineStep
from bms.serving.traffic.snapshot_index import DeploymentRoute
from tests.unit.serving.pipeline.steps import (
    ByteBudget,
    Fallback,
    FeatureRouting,
    HeaderRouting,
    Quota,
    Recorder,
    ResponseCache,
    Shadow,
    StickyRouting,
    always,
    only_for,
)
from tests.unit.serving.pipeline.world import OTHER, SIGNATURE, Told, World, deployment, version
from tests.unit.serving.traffic.test_traffic_dispatcher import LOST

TWO = deployment(version(1, "one"), version(2, "two", weight=0))
FAILED = ErrorMeta("INTERNAL", "the model broke", False)


def test_places_are_asked_in_order_and_each_knows_what_came_before() -> None:
    seen: list[str] = []
    world = World(TWO, steps=(always(Recorder("a.", seen)), always(Recorder("b.", seen))))
    told = world.ask()
    world.answer("one")
    assert told.told == [b"7 7"]
    places = (
        "admit(route)", "choose(route)", "choose_decoded(version request)", "answer(deadline)", "sent(replica)",
        "answered()",
    )  # fmt: skip
    assert seen == [f"{name}{place}" for place in (*places, "ended 200()") for name in ["a.", "b."]]


def test_a_named_version_is_not_for_steps_to_choose() -> None:
    recorder = Recorder()
    world = World(TWO, steps=(always(HeaderRouting()), always(FeatureRouting()), always(recorder)))
    told = world.make(500.0, x_variant="canary")
    told.number = 1
    world.run(told)
    assert told.version.number == 1
    assert [place for place in recorder.seen if place.startswith("choose")] == []


def test_a_deployment_without_steps_has_none_and_one_that_changes_has_those_of_its_entry() -> None:
    recorder = Recorder()
    world = World(TWO, deployment(version(1, "three"), name="n"), steps=(only_for("n", recorder),))
    world.ask(model="m")
    assert recorder.seen == []
    world.ask(model="n")
    assert recorder.seen
    made: list[DeploymentEntry] = []
    counting = World(TWO, steps=(made.append,))
    for _ in range(10):
        counting.ask()
    assert made == [TWO], "made when an entry changes, not when it is asked"
    changed = deployment(version(1, "one"), most=3)
    counting.serve(changed)
    assert made == [TWO, changed]


def test_an_entry_that_asks_for_a_step_no_more_has_none() -> None:
    recorder = Recorder()
    world = World(TWO, steps=(lambda entry: recorder if entry.max_in_flight > 3 else None,))
    world.serve(deployment(version(1, "one"), most=3))
    world.ask()
    assert recorder.seen == []


def test_quota_comes_back_however_a_request_ends() -> None:
    quota = Quota(1)
    world = World(TWO, steps=(always(quota),))
    first, second = world.ask(), world.ask()
    assert (first.told, second.told) == ([], ["RESOURCE_EXHAUSTED"])
    world.answer("one")
    cancelled = world.ask()
    cancelled.cancel()
    failed = world.ask()
    link = world.links["one"]
    link.fail(max(link.sent), FAILED)
    world.write_batch.close()
    assert failed.told == ["INTERNAL"]
    unknown = world.make()
    unknown.number = 9
    assert world.run(unknown).told == ["NOT_FOUND"]
    link.usable = False
    assert world.ask().told == ["UNAVAILABLE"]
    assert (quota.now.total(), quota.ends) == (0, [200, 499, 500, 404, 503])
    assert quota.bytes_out == 3, "of the one answer that was given"
    assert len(world.usages) == 3, "what was refused is not booked"


def test_a_step_that_refuses_gives_back_what_those_before_it_took() -> None:
    quota = Quota(1)
    world = World(TWO, steps=(always(quota), always(ByteBudget(20))))
    assert world.ask(size=21).told == ["RESOURCE_EXHAUSTED"]
    assert (quota.now.total(), quota.ends) == (0, [429])
    assert world.sent("one") == 0


def test_a_byte_budget_refuses_before_anything_is_decoded() -> None:
    world = World(TWO, steps=(always(ByteBudget(20)),))
    told = [world.ask(size=9) for _ in range(3)]
    assert [each.told for each in told] == [[], [], ["RESOURCE_EXHAUSTED"]]
    assert [each.decoded_for for each in told] == [["x"], ["x"], []]


def test_the_head_chooses_the_version_and_it_is_decoded_once() -> None:
    two = deployment(version(1, "one"), version(2, "two", weight=0, signature=OTHER))
    world = World(two, steps=(always(HeaderRouting()),))
    assert world.ask(x_variant="canary").decoded_for == ["z"]
    assert world.ask(x_variant="unheard-of").decoded_for == ["x"]
    assert (world.sent("one"), world.sent("two")) == (1, 1)


def test_a_user_stays_where_he_was_sent_first() -> None:
    world = World(deployment(version(1, "one"), version(2, "two")), steps=(always(StickyRouting()),))
    for draw, user in ((0.0, "ann"), (0.9, "bob"), (0.9, "ann"), (0.0, "bob"), (0.9, "ann")):
        world.draws = repeat(draw)
        world.ask(x_user=user)
    assert (world.sent("one"), world.sent("two")) == (3, 2)


@pytest.mark.parametrize(("signature", "decoded"), [(SIGNATURE, ["x"]), (OTHER, ["x", "z"])])
def test_values_choose_the_version_and_only_another_signature_is_decoded_for_again(
    signature: Signature, decoded: list[str]
) -> None:
    two = deployment(version(1, "one"), version(2, "two", weight=0, signature=signature))
    world = World(two, steps=(always(FeatureRouting()),))
    assert world.ask(1.0).decoded_for == ["x"]
    large = world.ask(500.0)
    assert (large.decoded_for, large.version.number) == (decoded, 2)
    assert (world.sent("one"), world.sent("two")) == (1, 1)


def test_sequences_are_routed_by_their_step_where_a_model_keeps_them() -> None:
    keeping = msgspec.structs.replace(SIGNATURE, sequences=SequenceLimits())
    world = World(steps=(lambda entry: SequenceRoutings(world.dispatcher.sequences)(entry),))
    world.serve(deployment(version(1, "one", signature=keeping), version(2, "two", signature=keeping)))
    numbers: dict[int, set[int]] = {}
    for id in range(1, 20):
        for at in range(3):
            told = world.make()
            told.sequence = SequenceStep(id, at == 0, at == 2)
            world.draws = repeat(0.9 * (at % 2))
            numbers.setdefault(id, set()).add(world.run(told).version.number)
    assert {len(seen) for seen in numbers.values()} == {1}
    assert set.union(*numbers.values()) == {1, 2}
    assert SequenceRoutings(world.dispatcher.sequences)(TWO) is None, "nothing is asked of who keeps none"


def test_a_cache_answers_without_the_model_and_is_booked_as_no_compute() -> None:
    world = World(TWO, steps=(always(ResponseCache()),))
    assert world.ask(1.0).told == []
    world.answer("one")
    again, other = world.ask(1.0), world.ask(2.0)
    world.write_batch.close()
    assert (again.told, other.told, world.sent("one")) == ([b"7 7"], [], 1)
    assert [(usage[7], usage[8], usage[11]) for usage in world.usages] == [(200, 1, 5), (200, 1, 0)]
    assert world.pipeline.admission.total == 1, "what is answered here is never in flight"


def test_a_shadow_gets_a_copy_and_its_end_is_nobodys_concern() -> None:
    shadow = Shadow()
    world = World(TWO, steps=(always(shadow),))
    told = world.ask()
    world.answer("two", 9.0)
    world.answer("one")
    assert (told.told, shadow.answers) == ([b"7 7"], [9.0])
    world.links["two"].usable = False
    told = world.ask()
    world.answer("one")
    assert told.told == [b"7 7"], "no shadow, and the request goes on"
    assert [usage[5:7] for usage in world.usages] == [(2, "id-shadow"), (1, "id"), (1, "id")]
    assert world.pipeline.admission.total == 0


def with_fallback(signature: Signature = SIGNATURE, tenant: str = "a") -> World:
    """What fails of `m` falls back to version 1 of `small`."""

    def spare() -> tuple[DeploymentRoute, ServedVersion]:
        route = world.pipeline.index.routes[tenant, "small"]
        return route, route.versions[1]

    small = deployment(version(1, "spare", signature=signature), name="small", tenant=tenant)
    world = World(TWO, small, steps=(only_for("m", Fallback(spare)),))
    return world


def test_what_fails_is_sent_where_the_step_says() -> None:
    world = with_fallback()
    told = world.ask()
    world.links["one"].fail(1, FAILED)
    assert (told.told, world.sent("spare")) == ([], 1)
    world.answer("spare", 3.0)
    assert told.told == [b"3 3"]
    assert [(usage[3], usage[7]) for usage in world.usages] == [("dep_a_small", 200)]
    assert world.pipeline.admission.total == 0
    world.links["one"].usable = False
    world.ask()
    assert world.sent("spare") == 1, "also what no replica could be found for"


def test_a_fallback_that_fails_too_is_told_as_the_first_failure_and_tried_once() -> None:
    world = with_fallback()
    told = world.ask()
    world.links["spare"].usable = False
    world.links["one"].fail(1, LOST)
    world.write_batch.close()
    assert told.told == ["UNAVAILABLE"]
    assert [(usage[3], usage[7]) for usage in world.usages] == [("dep_a_m", 503)]
    world.links["spare"].usable = True
    told = world.ask()
    world.links["one"].fail(2, FAILED)
    world.links["spare"].fail(1, FAILED)
    world.write_batch.close()
    assert told.told == ["INTERNAL"]
    assert (world.pipeline.admission.total, len(world.usages)) == (0, 2)


def test_nobody_falls_back_to_another_tenant_or_signature_or_from_what_was_asked_for_by_name() -> None:
    for world in (with_fallback(signature=OTHER), with_fallback(tenant="b")):
        world.ask()
        world.links["one"].fail(1, FAILED)
        assert world.sent("spare") == 0
    world = with_fallback()
    told = world.make()
    told.number = 1
    world.run(told)
    world.links["one"].fail(1, FAILED)
    world.write_batch.close()
    assert (told.told, world.sent("spare")) == (["INTERNAL"], 0)


def test_who_has_a_part_of_an_answer_gets_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Told, "streams", True)
    monkeypatch.setattr(Told, "encode_part", lambda self, outputs: b"part")
    monkeypatch.setattr(Told, "send_part", lambda self, part: self.told.append(part.decode()))
    world = with_fallback()
    told = world.ask()
    link = world.links["one"]
    link.sent[1].on_answer(AnswerMeta(False, 0, 0, ()), [Tensor("y", np.ones((1, 2), np.float32))])
    link.fail(1, FAILED)
    world.write_batch.close()
    assert (told.told, world.sent("spare")) == (["part", "INTERNAL"], 0)


def test_time_that_is_over_is_not_spent_again() -> None:
    world = with_fallback()
    told = world.ask()
    world.clock.advance(31)
    world.dispatcher.expire()
    world.write_batch.close()
    assert (told.told, world.sent("spare")) == (["DEADLINE_EXCEEDED"], 0)


class Broken(PipelineStep):
    """Fails wherever it is asked after a request was sent."""

    def sent(self, call: RequestContext) -> None:
        raise RuntimeError("sent")

    answered = ended = sent


def test_a_step_that_breaks_harms_nothing_that_is_under_way(caplog: pytest.LogCaptureFixture) -> None:
    quota = Quota(1)
    world = World(TWO, steps=(always(Broken()), always(quota)))
    told = world.ask()
    world.answer("one")
    assert (told.told, quota.now.total()) == ([b"7 7"], 0)
    assert [record.message for record in caplog.records] == ["a step of the pipeline failed"] * 3


def test_what_cannot_be_decoded_is_refused_and_its_steps_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    quota = Quota(1)
    world = World(TWO, steps=(always(quota),))

    def refuse(self: Told, signatures: object) -> None:
        raise InvalidArgument("no numbers")

    monkeypatch.setattr(Told, "decode", refuse)
    assert world.ask().told == ["INVALID_ARGUMENT"]
    assert (quota.ends, world.usages) == ([400], [])


def test_the_least_of_all_times_is_the_deadline() -> None:
    world = World(TWO)
    now = world.clock.monotonic()
    for by_head, expected in ((None, 30.0), (2.0, 2.0), (99.0, 30.0)):
        told = world.make()
        told.timeout_s = by_head
        assert world.run(told).deadline - now == expected
    late = world.make()
    late.timeout_s = 0.0
    assert world.run(late).told == ["DEADLINE_EXCEEDED"]
