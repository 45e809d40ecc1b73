"""From an admitted call to its one end, over links that do what the test says."""

import pytest

from bms.core.clock import ManualClock
from bms.core.errors import BmsError, ResourceExhausted, Unavailable
from bms.core.serving.snapshot import DeploymentEntry, ReplicaAddress, ServedVersion, SnapshotUpdate
from bms.core.tensors.request import InferRequest
from bms.core.tensors.sequences import SequenceStep
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import Tensor
from bms.protocols.frames import AnswerMeta, ErrorMeta
from bms.serving.traffic.admission import Admission
from bms.serving.traffic.balancer import choose_replica
from bms.serving.traffic.dispatcher import DispatchedCall, ReplicaDispatcher
from bms.serving.traffic.replicas import AnswerSink, ReplicaTable
from bms.serving.traffic.retry import RetryBudget, may_retry
from bms.serving.traffic.snapshot_index import SnapshotIndex

SIGNATURE = Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=(None,)),), outputs=())
LOST = ErrorMeta("UNAVAILABLE", "never sent", True)
DIED = ErrorMeta("INTERNAL", "died", False, lost=True)


class Link:
    """Remembers what was sent; the test answers."""

    def __init__(self) -> None:
        self.usable = True
        self.retired = False
        self.sent: dict[int, AnswerSink] = {}
        self.cancelled: list[int] = []
        self.timeouts: list[int] = []

    def infer(
        self,
        sink: AnswerSink,
        signature: str,
        tensors: list[Tensor],
        timeout_us: int,
        outputs: tuple[str, ...],
        rows: int,
        most: int,
        priority: int,
        sequence: SequenceStep | None = None,
        params: bytes = b"",
    ) -> int:
        id = len(self.timeouts) + 1
        self.timeouts.append(timeout_us)
        self.sent[id] = sink
        return id

    def cancel(self, id: int) -> None:
        self.cancelled.append(id)
        self.sent.pop(id, None)

    def retire(self) -> None:
        self.retired, self.usable = True, False

    def answer(self, id: int = 1, final: bool = True) -> None:
        self.sent[id].on_answer(AnswerMeta(final, 0, 0, ()), [])

    def fail(self, id: int = 1, meta: ErrorMeta = LOST) -> None:
        self.sent.pop(id).on_error(meta)


class Recorded(DispatchedCall):
    """A call that writes down what it is told."""

    told: list[object]
    wait_s: float | None = None

    def answered(self, meta: AnswerMeta, tensors: list[Tensor]) -> None:
        self.told.append(meta.final)

    def failed(self, error: BmsError, compute_ns: int = 0) -> None:
        self.told.append(error.code)
        self.wait_s = error.retry_after_s


def version(number: int, *replicas: str, weight: int = 1, signature: Signature = SIGNATURE) -> ServedVersion:
    return ServedVersion(
        number=number,
        state="AVAILABLE",
        signatures={"s": signature},
        replicas=tuple(ReplicaAddress(id=id, address=f"unix:/{id}") for id in replicas),
        weight=weight,
    )


def entry(*versions: ServedVersion, id: str = "d") -> DeploymentEntry:
    return DeploymentEntry(id=id, tenant="a", name=id, model="m", versions=versions, max_in_flight=2)


class Scene:
    """A dispatcher over recorded links, and a snapshot the test changes."""

    def __init__(self, *versions: ServedVersion) -> None:
        self.clock = ManualClock()
        self.links: dict[str, Link] = {}
        self.watched = 0
        self.table = ReplicaTable(self.connect)
        self.index = SnapshotIndex()
        self.dispatcher = ReplicaDispatcher(
            self.table, lambda: self.index, self.clock.monotonic, lambda: 0.0, self.watch
        )
        self.serve(*versions)

    def connect(self, address: ReplicaAddress) -> Link:
        return self.links.setdefault(address.id, Link())

    def watch(self) -> None:
        self.watched += 1

    def serve(self, *versions: ServedVersion) -> None:
        before = self.index.by_id.get("d")
        self.index = self.index.apply(SnapshotUpdate(revision=1, full=False, puts=(entry(*versions),)))
        self.table.update(before.entry if before else None, self.index.by_id["d"].entry)

    def send(
        self, number: int = 1, pinned: bool = False, deadline: float = 10.0, sequence: SequenceStep | None = None
    ) -> Recorded:
        route = self.index.by_id["d"]
        call = Recorded()
        call.dispatcher, call.route, call.deadline = self.dispatcher, route, deadline
        call.version = route.versions[number]
        call.request, call.rows = InferRequest(model="d", inputs=[], signature="s", sequence=sequence), 1
        call.number = number if pinned else None
        call.told = []
        self.dispatcher.send(call)
        return call


def test_an_answer_ends_a_call_once() -> None:
    scene = Scene(version(1, "a"))
    call = scene.send()
    assert (scene.watched, scene.links["a"].timeouts) == (1, [10_000_000])
    sink = scene.links["a"].sent[1]
    scene.links["a"].answer()
    sink.on_answer(AnswerMeta(True, 0, 0, ()), [])
    sink.on_error(LOST)
    assert call.told == [True]
    assert scene.dispatcher.active == set()


def test_a_stream_is_many_answers_until_the_final_one() -> None:
    scene = Scene(version(1, "a"))
    call = scene.send()
    scene.links["a"].answer(final=False)
    scene.links["a"].answer(final=False)
    assert call in scene.dispatcher.active
    scene.links["a"].answer()
    assert call.told == [False, False, True]
    assert not scene.dispatcher.active


def test_what_two_model_servers_died_with_is_tried_on_no_third_and_the_logs_are_named() -> None:
    scene = Scene(version(1, "a", "b", "c"))
    call = scene.send()
    said: list[BmsError] = []
    call.failed = lambda error, compute_ns=0: said.append(error)  # type: ignore[method-assign]
    for attempts in (1, 2):
        assert not said
        assert sum(len(link.timeouts) for link in scene.links.values()) == attempts
        next(link for link in scene.links.values() if link.sent).fail(meta=DIED)
    (error,) = said
    assert (error.code, error.http_status, error.grpc_status, error.retry_after_s) == ("INTERNAL", 500, 13, None)
    assert "died while it had this request" in error.message
    assert "`bms logs d`" in error.message
    assert sum(len(link.timeouts) for link in scene.links.values()) == 2
    assert not scene.dispatcher.active


def test_a_call_that_was_never_sent_is_repeated_once_on_another_replica() -> None:
    scene = Scene(version(1, "a", "b"))
    call = scene.send()
    first, second = (
        (scene.links["a"], scene.links["b"]) if scene.links["a"].sent else (scene.links["b"], scene.links["a"])
    )
    first.fail()
    assert call.told == []
    second.answer()
    assert call.told == [True]


def test_two_losses_are_told() -> None:
    scene = Scene(version(1, "a", "b", "c"))
    call = scene.send()
    for _ in range(2):
        next(link for link in scene.links.values() if link.sent).fail()
    assert call.told == ["UNAVAILABLE"]


def test_an_error_that_no_replica_would_do_better_is_not_repeated() -> None:
    scene = Scene(version(1, "a", "b"))
    call = scene.send()
    next(link for link in scene.links.values() if link.sent).fail(meta=ErrorMeta("INVALID_ARGUMENT", "no", False))
    assert call.told == ["INVALID_ARGUMENT"]


@pytest.mark.parametrize(
    ("meta", "wait_s"),
    [
        (ErrorMeta("UNAVAILABLE", "busy", True, wait_ms=7500), 7.5),
        (ErrorMeta("RESOURCE_EXHAUSTED", "full", False, wait_ms=1), 0.001),
        (ErrorMeta("UNAVAILABLE", "busy", True, wait_ms=2**53), 3600.0),
        (ErrorMeta("UNAVAILABLE", "busy", True), 1.0),
        (ErrorMeta("RESOURCE_EXHAUSTED", "full", False), None),
    ],
)
def test_when_to_come_again_is_what_the_replica_says(meta: ErrorMeta, wait_s: float | None) -> None:
    scene = Scene(version(1, "a"))
    call = scene.send()
    scene.links["a"].fail(meta=meta)
    assert (call.told, call.wait_s) == ([meta.code], wait_s)


def test_nothing_is_repeated_after_a_part_of_the_answer_was_given() -> None:
    scene = Scene(version(1, "a", "b"))
    call = scene.send()
    link = next(link for link in scene.links.values() if link.sent)
    link.answer(final=False)
    link.fail()
    assert call.told == [False, "UNAVAILABLE"]


def test_the_only_replica_is_not_asked_again() -> None:
    scene = Scene(version(1, "a"))
    call = scene.send()
    scene.links["a"].fail()
    assert call.told == ["UNAVAILABLE"]
    assert scene.links["a"].timeouts == [10_000_000]


def test_a_call_of_no_version_moves_to_the_one_that_replaced_it() -> None:
    scene = Scene(version(1, "a"))
    call = scene.send()
    scene.serve(version(2, "b"))
    assert scene.links["a"].retired
    scene.links["a"].fail()
    scene.links["b"].answer()
    assert (call.told, call.version.number) == ([True], 2)


@pytest.mark.parametrize("why", ["pinned", "signature"])
def test_a_call_stays_with_its_version_where_it_must(why: str) -> None:
    other = Signature(inputs=(TensorSpec(name="y", dtype="FP32", shape=(None,)),), outputs=())
    scene = Scene(version(1, "a"))
    call = scene.send(pinned=why == "pinned")
    scene.serve(version(2, "b", signature=other if why == "signature" else SIGNATURE))
    scene.links["a"].fail()
    assert call.told == ["UNAVAILABLE"]


def test_a_deadline_ends_the_call_and_tells_the_replica() -> None:
    scene = Scene(version(1, "a"))
    call, patient = scene.send(deadline=1.0), scene.send(deadline=5.0)
    scene.clock.advance(0.999)
    scene.dispatcher.expire()
    assert call.told == []
    scene.clock.advance(0.001)
    scene.dispatcher.expire()
    assert (call.told, patient.told) == (["DEADLINE_EXCEEDED"], [])
    assert scene.links["a"].cancelled == [1]


def test_no_retry_begins_after_the_deadline() -> None:
    scene = Scene(version(1, "a", "b"))
    call = scene.send(deadline=1.0)
    scene.clock.advance(2)
    next(link for link in scene.links.values() if link.sent).fail()
    assert call.told == ["UNAVAILABLE"]


def test_a_cancelled_call_hears_nothing_more() -> None:
    scene = Scene(version(1, "a"))
    call = scene.send()
    sink = scene.links["a"].sent[1]
    scene.dispatcher.cancel(call)
    sink.on_answer(AnswerMeta(True, 0, 0, ()), [])
    scene.dispatcher.cancel(call)
    assert (call.told, scene.links["a"].cancelled) == ([], [1])


def test_without_a_usable_replica_nothing_is_sent() -> None:
    scene = Scene(version(1, "a"))
    scene.links["a"].usable = False
    with pytest.raises(Unavailable):
        scene.send()
    assert not scene.dispatcher.active


def test_the_less_busy_of_two_replicas_is_taken() -> None:
    scene = Scene(version(1, "a", "b"))
    for _ in range(6):
        scene.send()
    assert {len(link.sent) for link in scene.links.values()} == {3}


def test_three_replicas_share_what_two_draws_choose() -> None:
    scene = Scene(version(1, "a", "b", "c"))
    draws = iter([0.99, 0.0] * 3)
    version_ = scene.index.by_id["d"].versions[1]
    chosen = choose_replica(scene.table, version_, (), lambda: next(draws))
    assert chosen is not None
    assert chosen.id in {"a", "c"}
    assert choose_replica(scene.table, version_, ("a", "b", "c"), lambda: 0.0) is None


def test_a_replica_lives_while_any_deployment_names_it() -> None:
    links: dict[str, Link] = {}
    table = ReplicaTable(lambda address: links.setdefault(address.id, Link()))
    one, two = entry(version(1, "a")), entry(version(1, "a"), id="e")
    table.update(None, one)
    table.update(None, two)
    table.update(one, None)
    assert not links["a"].retired
    table.update(two, None)
    assert links["a"].retired
    assert len(table) == 0


def test_a_replica_that_moved_gets_a_new_link() -> None:
    made: list[Link] = []

    def connect(address: ReplicaAddress) -> Link:
        made.append(Link())
        return made[-1]

    table = ReplicaTable(connect)
    before = entry(version(1, "a"))
    moved = ReplicaAddress(id="a", address="unix:/elsewhere")
    after = entry(ServedVersion(number=1, state="AVAILABLE", signatures={}, replicas=(moved,)))
    table.update(None, before)
    table.update(before, after)
    assert [link.retired for link in made] == [True, False]
    table.retire_all()
    assert made[1].retired


def test_admission_is_per_deployment_and_frees_what_leaves() -> None:
    admission, one, other = Admission(), entry(), entry(id="e")
    admission.enter(one)
    admission.enter(one)
    with pytest.raises(ResourceExhausted) as refusal:
        admission.enter(one)
    assert refusal.value.retry_after_s
    admission.enter(other)
    admission.leave(one)
    admission.enter(one)
    assert (admission.in_flight("d"), admission.in_flight("e"), admission.total) == (2, 1, 3)
    for each in (one, one, other):
        admission.leave(each)
    assert (admission.in_flight("d"), admission.total) == (0, 0)


@pytest.mark.parametrize(
    ("change", "may"),
    [
        ({}, True),
        ({"retryable": False}, False),
        ({"attempts": 2}, False),
        ({"begun": True}, False),
        ({"now": 1.0}, False),
    ],
)
def test_a_retry_needs_every_reason(change: dict[str, object], may: bool) -> None:
    reasons: dict[str, object] = {"retryable": True, "attempts": 1, "begun": False, "now": 0.0, "deadline": 1.0}
    assert may_retry(**{**reasons, **change}) is may  # type: ignore[arg-type]


def test_the_retry_budget_is_a_share_of_calls_after_its_burst() -> None:
    budget = RetryBudget(ratio=0.5, burst=2)
    assert [budget.spend() for _ in range(3)] == [True, True, False]
    budget.earn()
    assert not budget.spend()
    budget.earn()
    assert budget.spend()
    for _ in range(100):
        budget.earn()
    assert [budget.spend() for _ in range(3)] == [True, True, False]
