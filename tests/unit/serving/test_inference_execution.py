import numpy as np
import pytest

from bms.core.clock import ManualClock
from bms.core.errors import Internal, InvalidArgument, ResourceExhausted
from bms.core.signature import DEFAULT
from bms.core.tensor import Array
from bms.serving.inference.call import Call
from bms.serving.inference.execution import execute
from bms.serving.inference.foreign import call_foreign
from tests.servables import FunctionServable, doubled


class Nobody:
    open: dict[int, Call] = {}

    def send(self, data: bytes) -> None: ...


def call(*values: float, at: float = 0.0) -> Call:
    x = np.array([[value, value] for value in values], dtype=np.float32)
    return Call(Nobody(), 1, DEFAULT, {"x": x}, (), len(values), at, None, "a")


def test_each_call_gets_the_rows_it_sent_from_one_run() -> None:
    servable = FunctionServable(doubled)
    outcomes, runs = execute(servable, [call(1), call(2, 3), call(4)], ManualClock().monotonic)
    assert [outcome.outputs["y"][:, 0].tolist() for outcome in outcomes] == [[2], [4, 6], [8]]
    assert servable.runs == [4]
    assert [run.rows for run in runs] == [4]


def test_waiting_is_measured_and_the_run_is_shared_by_rows() -> None:
    clock = ManualClock()

    def slow(inputs: dict[str, Array]) -> dict[str, Array]:
        clock.advance(0.4)
        return doubled(inputs)

    clock.advance(10.0)
    outcomes, runs = execute(FunctionServable(slow), [call(1, at=9.0), call(2, 3, 4, at=9.5)], clock.monotonic)
    assert [outcome.queue_ns for outcome in outcomes] == [10**9, 5 * 10**8]
    assert [outcome.compute_ns for outcome in outcomes] == pytest.approx([10**8, 3 * 10**8], abs=2)
    assert runs[0].compute_ns == pytest.approx(4 * 10**8, abs=2)


def picky(inputs: dict[str, Array]) -> dict[str, Array]:
    if np.any(inputs["x"] < 0):
        raise InvalidArgument("no negative numbers")
    return doubled(inputs)


def test_a_call_that_fails_does_not_spoil_its_mates() -> None:
    servable = FunctionServable(picky)
    outcomes, runs = execute(servable, [call(1), call(-1), call(2)], ManualClock().monotonic)
    assert [outcome.error for outcome in outcomes][::2] == [None, None]
    assert isinstance(outcomes[1].error, InvalidArgument)
    assert [outcomes[0].outputs["y"][0, 0], outcomes[2].outputs["y"][0, 0]] == [2, 4]
    assert servable.runs == [3, 1, 1, 1]
    assert [run.rows for run in runs] == [1, 1, 1]


def test_answers_that_are_not_one_per_row_are_not_cut_up_wrongly() -> None:
    servable = FunctionServable(lambda inputs: {"y": inputs["x"].sum(axis=0, keepdims=True)})
    outcomes, _ = execute(servable, [call(1), call(2)], ManualClock().monotonic)
    assert [outcome.outputs["y"][0, 0] for outcome in outcomes] == [1, 2]  # each alone


def test_whatever_a_model_raises_becomes_an_error_of_ours() -> None:
    def wild(inputs: dict[str, Array]) -> dict[str, Array]:
        raise KeyError("inner secret")

    (outcome,), _ = execute(FunctionServable(wild), [call(1)], ManualClock().monotonic)
    assert isinstance(outcome.error, Internal)
    assert outcome.error.message.startswith("running the model failed with KeyError")

    def hungry(inputs: dict[str, Array]) -> dict[str, Array]:
        raise MemoryError

    (outcome,), _ = execute(FunctionServable(hungry), [call(1)], ManualClock().monotonic)
    assert isinstance(outcome.error, ResourceExhausted)


def test_a_model_that_exits_is_only_an_error() -> None:
    with pytest.raises(Internal, match="loading failed with SystemExit"):
        call_foreign("loading", lambda: exec("raise SystemExit(3)"))


def test_arrays_that_start_at_odd_bytes_are_moved_to_aligned_memory() -> None:
    seen: list[bool] = []

    def look(inputs: dict[str, Array]) -> dict[str, Array]:
        seen.append(inputs["x"].flags.aligned)
        return doubled(inputs)

    odd = np.frombuffer(memoryview(bytearray(17))[1:], dtype=np.float32).reshape(2, 2)
    assert not odd.flags.aligned
    asked = call(1, 1)
    asked.inputs = {"x": odd}
    execute(FunctionServable(look), [asked], ManualClock().monotonic)
    execute(FunctionServable(look), [asked, call(1)], ManualClock().monotonic)
    assert seen == [True, True]
