import asyncio

import numpy as np
import pytest

from bms.core.clock import ManualClock
from bms.core.errors import Internal, InvalidArgument, ResourceExhausted
from bms.core.tensors.tensor import Array
from bms.serving.inference.batching.execution import CallResult, Executed, execute
from bms.serving.inference.batching.micro_batch import MicroBatch
from bms.serving.inference.model_errors import call_foreign
from tests.servables import FunctionServable, doubled
from tests.worlds.batching import Nobody, batch_key

KEY = batch_key()


@pytest.fixture(autouse=True)
def fresh_kind() -> None:
    KEY.batched = True
    KEY.answers.clear()


def micro_batch(*values: float, at: float = 0.0, parts: tuple[int, ...] = ()) -> MicroBatch:
    x = np.array([[value, value] for value in values], dtype=np.float32)
    return MicroBatch(Nobody(), 1, KEY, {"x": x}, len(values), at, None, parts or (len(values),))


def values(results: object) -> list[object]:
    """What each call was told: the first column of its rows, or its error's class."""
    return [
        type(result.error) if result.error else result.outputs["y"][:, 0].tolist()
        for result in results  # type: ignore[attr-defined]
    ]


def test_all_rows_are_one_run() -> None:
    servable = FunctionServable(doubled)
    done = execute(servable, [micro_batch(1), micro_batch(2, 3), micro_batch(4)], ManualClock().monotonic)
    assert done.outputs["y"][:, 0].tolist() == [2, 4, 6, 8]
    assert done.alone is None
    assert servable.runs == [4]
    assert [(run.rows, run.padded, run.well) for run in done.runs] == [(4, 0, True)]


def test_the_run_is_measured() -> None:
    clock = ManualClock()

    def slow(inputs: dict[str, Array]) -> dict[str, Array]:
        clock.advance(0.4)
        return doubled(inputs)

    clock.advance(10.0)
    done = execute(FunctionServable(slow), [micro_batch(1, at=9.0), micro_batch(2, 3, 4, at=9.5)], clock.monotonic)
    assert (done.began, done.rows) == (10.0, 4)
    assert done.compute_ns == done.runs[0].compute_ns == pytest.approx(4 * 10**8, abs=2)


def picky(inputs: dict[str, Array]) -> dict[str, Array]:
    if np.any(inputs["x"] < 0):
        raise InvalidArgument("no negative numbers")
    return doubled(inputs)


def test_a_micro_batch_that_fails_does_not_spoil_its_mates() -> None:
    servable = FunctionServable(picky)
    done = execute(servable, [micro_batch(1), micro_batch(-1), micro_batch(2)], ManualClock().monotonic)
    assert done.alone is not None
    one, two, three = done.alone
    assert isinstance(one, Executed)
    assert isinstance(two, Executed)
    assert isinstance(three, Executed)
    assert [one.outputs["y"][0, 0], three.outputs["y"][0, 0]] == [2, 4]
    assert two.alone is not None
    assert values(two.alone[0]) == [InvalidArgument]
    assert servable.runs == [3, 1, 1, 1]
    assert [(run.rows, run.well) for run in done.runs] == [(1, True), (1, False), (1, True)]


def test_a_call_that_fails_does_not_spoil_its_micro_batch() -> None:
    servable = FunctionServable(picky)
    done = execute(servable, [micro_batch(1, 2, -1, 3, parts=(2, 1, 1))], ManualClock().monotonic)
    assert done.alone is not None
    assert values(done.alone[0]) == [[2, 4], InvalidArgument, [6]]
    assert servable.runs == [4, 2, 1, 1]


def test_answers_that_are_not_one_per_row_are_not_cut_up_wrongly() -> None:
    servable = FunctionServable(lambda inputs: {"y": inputs["x"].sum(axis=0, keepdims=True)})
    done = execute(servable, [micro_batch(1), micro_batch(2)], ManualClock().monotonic)
    assert done.alone is not None
    assert [part.outputs["y"][0, 0] for part in done.alone if isinstance(part, Executed)] == [1, 2]  # each alone
    done = execute(servable, [micro_batch(1, 5, parts=(1, 1))], ManualClock().monotonic)
    assert done.alone is not None
    assert values(done.alone[0]) == [[1], [5]]


def test_fewer_answers_than_rows_are_an_error_of_one_call_too() -> None:
    def dropping(inputs: dict[str, Array]) -> dict[str, Array]:
        return {"y": inputs["x"][inputs["x"][:, 0] > 0]}

    for asked in (micro_batch(-1), micro_batch(1, -1, 2)):
        done = execute(FunctionServable(dropping), [asked], ManualClock().monotonic)
        assert done.alone is not None
        assert values(done.alone[0]) == [Internal]
    done = execute(
        FunctionServable(dropping), [micro_batch(-1, 5, parts=(1, 1)), micro_batch(2)], ManualClock().monotonic
    )
    assert done.alone is not None
    first, second = done.alone
    assert isinstance(first, Executed)
    assert first.alone is not None
    assert values(first.alone[0]) == [Internal, [5]]
    assert isinstance(second, Executed)
    assert second.outputs["y"][:, 0].tolist() == [2]


def test_a_kind_whose_answers_have_several_shapes_shares_no_run_any_more() -> None:
    def padded(inputs: dict[str, Array]) -> dict[str, Array]:
        longest = int(inputs["x"].max())
        return {"y": np.minimum(np.arange(longest)[None], inputs["x"][:, :1])}

    own = batch_key()
    servable = FunctionServable(padded)
    clock = ManualClock().monotonic

    def asked(*rows: int) -> MicroBatch:
        x = np.array([[row, row] for row in rows], dtype=np.float32)
        return MicroBatch(Nobody(), 1, own, {"x": x}, len(rows), 0.0, None, (1,) * len(rows))

    assert execute(servable, [asked(2)], clock).outputs["y"].shape == (1, 2)
    together = execute(servable, [asked(2), asked(5)], clock)
    assert together.alone is not None
    shapes = [part.outputs["y"].shape for part in together.alone if isinstance(part, Executed)]
    assert shapes == [(1, 2), (1, 5)]
    assert not own.batched
    parts = execute(servable, [asked(2, 3)], clock)
    assert parts.alone is not None
    ((two, three),) = parts.alone
    assert isinstance(two, CallResult)
    assert isinstance(three, CallResult)
    assert [two.outputs["y"].shape, three.outputs["y"].shape] == [(1, 2), (1, 3)]
    assert servable.runs == [1, 2, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("rows", "runs"), [(1, [1]), (2, [4]), (4, [4]), (5, [16]), (16, [16]), (17, [16, 1]), (37, [16, 16, 16])]
)
def test_only_allowed_sizes_run_and_what_was_added_is_not_answered(rows: int, runs: list[int]) -> None:
    servable = FunctionServable(doubled)
    asked = micro_batch(*range(rows))
    done = execute(servable, [asked], ManualClock().monotonic, (1, 4, 16))
    assert servable.runs == runs
    assert done.outputs["y"][:, 0].tolist() == [2 * value for value in range(rows)]
    assert (done.rows, sum(run.rows for run in done.runs)) == (rows, rows)
    assert sum(run.padded for run in done.runs) == sum(runs) - rows


def test_runs_are_filled_up_with_rows_that_were_sent() -> None:
    seen: list[list[float]] = []

    def look(inputs: dict[str, Array]) -> dict[str, Array]:
        seen.append(inputs["x"][:, 0].tolist())
        return doubled(inputs)

    execute(FunctionServable(look), [micro_batch(7), micro_batch(8)], ManualClock().monotonic, (4,))
    assert seen == [[7, 8, 8, 8]]


def test_whatever_a_model_raises_becomes_an_error_of_ours() -> None:
    def wild(inputs: dict[str, Array]) -> dict[str, Array]:
        raise KeyError("inner secret")

    error = error_of(FunctionServable(wild))
    assert isinstance(error, Internal)
    assert error.message.startswith("running the model failed with KeyError")

    def hungry(inputs: dict[str, Array]) -> dict[str, Array]:
        raise MemoryError

    assert isinstance(error_of(FunctionServable(hungry)), ResourceExhausted)


def error_of(servable: FunctionServable) -> object:
    done = execute(servable, [micro_batch(1)], ManualClock().monotonic)
    assert done.alone is not None
    ((result,),) = done.alone
    assert isinstance(result, CallResult)
    return result.error


@pytest.mark.parametrize(
    "raised", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit(), BaseException("a panic")]
)
def test_whatever_a_model_raises_is_only_an_error(raised: BaseException) -> None:
    def run() -> None:
        raise raised

    with pytest.raises(Internal, match=f"loading failed with {type(raised).__name__}"):
        call_foreign("loading", run)


def test_arrays_that_start_at_odd_bytes_are_moved_to_aligned_memory() -> None:
    seen: list[bool] = []

    def look(inputs: dict[str, Array]) -> dict[str, Array]:
        seen.append(inputs["x"].flags.aligned)
        return doubled(inputs)

    odd = np.frombuffer(memoryview(bytearray(17))[1:], dtype=np.float32).reshape(2, 2)
    assert not odd.flags.aligned
    asked = micro_batch(1, 1)
    asked.inputs = {"x": odd}
    execute(FunctionServable(look), [asked], ManualClock().monotonic)
    execute(FunctionServable(look), [asked, micro_batch(1)], ManualClock().monotonic)
    assert seen == [True, True]


def test_what_was_stopped_because_nobody_waits_is_not_run_again() -> None:
    servable = FunctionServable(picky)
    batch = [micro_batch(-1), micro_batch(2, 3, parts=(1, 1))]
    for each in batch:
        each.cancelled = True
    done = execute(servable, batch, ManualClock().monotonic)
    assert servable.runs == [3]
    assert done.alone == [(), ()]
