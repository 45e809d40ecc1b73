"""Calls that wait together travel together, and each gets its own rows back, however they end."""

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bms.adapters.replicas.call_batches import LARGE, PendingCalls, SentCall
from bms.core.errors import InvalidArgument
from bms.core.tensors.tensor import Tensor
from bms.protocols.frames import (
    AnswerMeta,
    ErrorMeta,
    Frame,
    FrameReader,
    FrameType,
    decode_infer,
    encode_answer,
    encode_error,
)


class Sink:
    def __init__(self) -> None:
        self.told: list[object] = []

    def on_answer(self, meta: AnswerMeta, tensors: list[Tensor]) -> None:
        self.told.append((meta.final, meta.compute_ns, {name: array.tolist() for name, array in tensors}))

    def on_error(self, meta: ErrorMeta) -> None:
        self.told.append(meta.code)


def call(rows: np.ndarray, *, most: int = 64, signature: str = "s", timeout_us: int = 0, priority: int = 0) -> SentCall:
    return SentCall(Sink(), signature, [Tensor("x", rows)], timeout_us, (), len(rows), most, priority)


def told(one: SentCall, sinks: dict[int, Sink]) -> list[object]:
    return sinks[id(one)].told


def frames(parts: list[bytes | memoryview]) -> list[Frame]:
    return list(FrameReader().feed(b"".join(parts)))


def one_frame(parts: list[bytes | memoryview]) -> Frame:
    (frame,) = frames(parts)
    return frame


def sent(parcels: PendingCalls, *calls: SentCall) -> tuple[list[Frame], dict[int, Sink]]:
    sinks = {id(each): each.sink for each in calls}
    for each in calls:
        parcels.add(each)
    return frames(parcels.pack()), sinks  # type: ignore[return-value]


def doubled(frame: Frame) -> Frame:
    _, tensors = decode_infer(frame)
    return one_frame(encode_answer(frame.id, [Tensor("y", tensors[0].array * 2)], compute_ns=1000))


def test_calls_of_one_kind_share_a_frame_and_get_their_own_rows() -> None:
    parcels = PendingCalls()
    calls = [call(np.full((rows, 2), value, dtype="<f4")) for value, rows in ((1, 1), (2, 3), (3, 1))]
    (frame,), sinks = sent(parcels, *calls)
    meta, (tensor,) = decode_infer(frame)
    assert (meta.rows, tensor.array.shape) == ((1, 3, 1), (5, 2))
    parcels.answered(doubled(frame))
    assert [told(each, sinks) for each in calls] == [
        [(True, 200, {"y": [[2.0, 2.0]]})],
        [(True, 600, {"y": [[4.0, 4.0]] * 3})],
        [(True, 200, {"y": [[6.0, 6.0]]})],
    ]
    assert parcels.in_flight == 0


@given(
    st.lists(
        st.tuples(
            st.integers(1, 5), st.sampled_from(["a", "b"]), st.sampled_from([2, 3]), st.sampled_from(["<f4", "<i8"])
        ),
        min_size=1,
        max_size=30,
    ),
    st.integers(1, 8),
)
def test_whatever_waits_together_every_call_is_answered_once_with_its_rows(
    wanted: list[tuple[int, str, int, str]], most: int
) -> None:
    parcels = PendingCalls()
    calls = [
        call(np.full((rows, width), number, dtype=dtype), most=most, signature=signature)
        for number, (rows, signature, width, dtype) in enumerate(wanted)
    ]
    found, sinks = sent(parcels, *calls)
    for frame in reversed(found):
        meta, (tensor,) = decode_infer(frame)
        assert len(meta.rows) < 2 or sum(meta.rows) == len(tensor.array) <= most
        parcels.answered(doubled(frame))
    for number, (each, (rows, _, width, _)) in enumerate(zip(calls, wanted, strict=True)):
        ((final, _, outputs),) = told(each, sinks)
        assert (final, outputs) == (True, {"y": [[2 * number] * width] * rows})
    assert parcels.in_flight == 0


def test_several_inputs_travel_by_name_in_whatever_order_they_came() -> None:
    parcels = PendingCalls()
    first = [Tensor("a", np.array([[1]])), Tensor("t", np.array([b"one"], dtype=object))]
    second = [Tensor("t", np.array([b"two!", b""], dtype=object)), Tensor("a", np.array([[2], [3]]))]
    calls = [SentCall(Sink(), "s", tensors, 0, (), rows, 8, 0) for tensors, rows in ((first, 1), (second, 2))]
    (frame,), _ = sent(parcels, *calls)
    _, tensors = decode_infer(frame)
    assert {name: array.tolist() for name, array in tensors} == {"a": [[1], [2], [3]], "t": [b"one", b"two!", b""]}


def test_what_cannot_run_together_travels_alone() -> None:
    parcels = PendingCalls()
    large = np.zeros((1, LARGE), dtype="<f4")
    found, _ = sent(
        parcels,
        call(np.zeros((1, 2), "<f4"), most=1),
        call(np.zeros((1, 2), "<f4"), most=1),
        call(large),
        call(large),
        call(np.zeros((64, 2), "<f4")),
        call(np.zeros((1, 2), "<f4"), priority=1),
        call(np.zeros((1, 2), "<f4")),
    )
    assert len(found) == 7


def test_a_call_with_parameters_travels_alone_and_brings_them() -> None:
    parcels = PendingCalls()
    rows = np.ones((1, 2), np.float32)
    for params in (b'{"t":1}', b'{"t":1}', b""):
        parcels.add(SentCall(Sink(), "s", [Tensor("x", rows)], 0, (), 1, 64, 0, params=params))
    sent = [decode_infer(frame)[0] for frame in frames(parcels.pack())]
    assert sorted(one.params for one in sent) == [b"", b'{"t":1}', b'{"t":1}']
    assert all(len(one.rows) <= 1 for one in sent)


def test_a_parcel_waits_as_long_as_its_most_patient_call() -> None:
    parcels = PendingCalls()
    (frame,), _ = sent(parcels, *(call(np.zeros((1, 2), "<f4"), timeout_us=us) for us in (5, 70, 6)))
    assert decode_infer(frame)[0].timeout_us == 70


def test_answers_and_errors_may_be_for_some_of_the_calls() -> None:
    parcels = PendingCalls()
    calls = [call(np.full((1, 1), n, "<f4")) for n in range(4)]
    (frame,), sinks = sent(parcels, *calls)
    some = encode_answer(frame.id, [Tensor("y", np.array([[7.0], [8.0]], "<f4"))], first=0, count=2)
    bad = encode_error(frame.id, "INVALID_ARGUMENT", "bad row", retry=False, first=2, count=1)
    parcels.answered(one_frame(some))
    parcels.failed(one_frame([bad]))
    assert [told(each, sinks) for each in calls[:3]] == [
        [(True, 0, {"y": [[7.0]]})],
        [(True, 0, {"y": [[8.0]]})],
        ["INVALID_ARGUMENT"],
    ]
    assert told(calls[3], sinks) == []
    assert parcels.in_flight == 1
    waiting = call(np.full((1, 1), 5, "<f4"))
    sink = waiting.sink
    parcels.add(waiting)
    parcels.lose()
    assert told(calls[3], sinks) == ["INTERNAL"]  # it may have run
    assert sink is not None
    assert sink.told == ["UNAVAILABLE"]  # type: ignore[attr-defined]  # it surely did not
    assert parcels.in_flight == 0


def test_a_cancelled_call_hears_nothing_and_the_server_only_when_nobody_waits() -> None:
    parcels = PendingCalls()
    early, *calls = [call(np.full((1, 1), n, "<f4")) for n in range(3)]
    parcels.add(early)
    assert parcels.cancel(early) is None
    (frame,), sinks = sent(parcels, *calls)
    assert decode_infer(frame)[0].rows == (1, 1)
    assert parcels.cancel(calls[0]) is None
    cancel = parcels.cancel(calls[1])
    assert cancel is not None
    assert (one_frame([cancel]).kind, one_frame([cancel]).id) == (FrameType.CANCEL, frame.id)
    parcels.answered(doubled(frame))
    assert [told(each, sinks) for each in calls] == [[], []]
    assert parcels.in_flight == 0


@pytest.mark.parametrize(("first", "count"), [(0, 3), (2, 1), (-1, 1), (1, 2)])
def test_answers_to_calls_that_are_not_there_are_refused(first: int, count: int) -> None:
    parcels = PendingCalls()
    (frame,), _ = sent(parcels, *(call(np.zeros((1, 1), "<f4")) for _ in range(2)))
    with pytest.raises(InvalidArgument):
        parcels.failed(one_frame([encode_error(frame.id, "INTERNAL", "x", retry=False, first=first, count=count)]))


def test_an_answer_without_a_row_for_each_is_refused() -> None:
    parcels = PendingCalls()
    (frame,), _ = sent(parcels, *(call(np.zeros((1, 1), "<f4")) for _ in range(2)))
    with pytest.raises(InvalidArgument, match="one row for each"):
        parcels.answered(one_frame(encode_answer(frame.id, [Tensor("y", np.zeros((3, 1)))])))


@pytest.mark.parametrize("how", ["answered", "failed", "cancelled", "lost"])
def test_what_is_ended_is_freed_without_the_collector(how: str) -> None:
    parcels, rows = PendingCalls(), np.zeros((1, 4), "<f4")
    seen = weakref.ref(rows)
    calls = [call(rows), call(np.zeros((1, 4), "<f4"))]
    del rows
    gc.disable()
    try:
        (frame,), _ = sent(parcels, *calls)
        if how == "answered":
            parcels.answered(doubled(frame))
        elif how == "failed":
            parcels.failed(one_frame([encode_error(frame.id, "INTERNAL", "x", retry=False)]))
        elif how == "cancelled":
            for each in calls:
                parcels.cancel(each)
        else:
            parcels.lose()
        parcel = weakref.ref(calls[0])
        calls.clear()
        assert (seen(), parcel()) == (None, None)
    finally:
        gc.enable()
