import numpy as np
import pytest
from msgspec import structs

from bms.core.clock import ManualClock
from bms.core.errors import DataLoss, FailedPrecondition, Internal
from bms.core.tensors.signature import DEFAULT, TensorSpec
from bms.core.tensors.tensor import Array
from bms.serving.lifecycle.loader import check_outputs, load
from tests.servables import ROW, CountingServable, ExemplaryFunction, FunctionServable, doubled


def test_every_signature_is_warmed_with_every_size_and_measured() -> None:
    clock = ManualClock()

    def slow(inputs: dict[str, Array]) -> dict[str, Array]:
        clock.advance(len(inputs["x"]) + (1.0 if not servable.runs[:-1] else 0.0))
        return doubled(inputs)

    servable = FunctionServable(slow)
    loaded = load(lambda: servable, warmup_runs=3, sizes=(1, 4, 16), clock=clock)
    assert loaded.servable is servable
    assert servable.runs == [1, 1, 1, 4, 4, 4, 16, 16, 16]
    assert servable.closed == 0
    assert loaded.runs == ((DEFAULT, 1, 1.0, 2), (DEFAULT, 4, 4.0, 2), (DEFAULT, 16, 16.0, 2))


def test_an_example_of_the_makers_takes_the_place_of_zeros_and_ones() -> None:
    seen: list[list[float]] = []

    def sevens_only(inputs: dict[str, Array]) -> dict[str, Array]:
        seen.append(inputs["x"][:, 0].tolist())
        if inputs["x"].min() < 7:
            raise Internal("not of this domain")
        return doubled(inputs)

    load(lambda: ExemplaryFunction(sevens_only), warmup_runs=1, sizes=(1, 3), clock=ManualClock())
    assert seen == [[7], [7, 8, 7]]


def test_what_is_not_batched_is_warmed_as_it_is() -> None:
    fixed = structs.replace(
        ROW,
        inputs=(TensorSpec(name="x", dtype="FP32", shape=(4, 2)),),
        outputs=(TensorSpec(name="y", dtype="FP32", shape=(4, 2)),),
        batched=False,
    )
    servable = FunctionServable(doubled, {DEFAULT: fixed})
    assert load(lambda: servable, warmup_runs=2, sizes=(1, 16), clock=ManualClock()).servable is servable
    assert servable.runs == [4, 4]


def test_streaming_signatures_are_warmed_by_streaming() -> None:
    servable = CountingServable()
    assert load(lambda: servable, warmup_runs=2, sizes=(1,), clock=ManualClock()).runs == ((DEFAULT, 1, 0.0, 2),)
    assert servable.ended == 2
    assert servable.runs == [1, 1]


def test_a_run_that_fails_fails_the_load_with_its_reason_and_closes_it() -> None:
    def small_only(inputs: dict[str, Array]) -> dict[str, Array]:
        if len(inputs["x"]) > 8:
            raise Internal("no room for so many")
        return doubled(inputs)

    servable = FunctionServable(small_only)
    with pytest.raises(FailedPrecondition, match=r"'serving_default' with 9 rows failed: no room for so many"):
        load(lambda: servable, warmup_runs=1, sizes=(1, 9), clock=ManualClock())
    assert servable.closed == 1


def test_more_rows_than_verification_asks_for_are_no_condition_and_what_fails_is_told() -> None:
    def at_most(limit: int) -> FunctionServable:
        def small_only(inputs: dict[str, Array]) -> dict[str, Array]:
            if len(inputs["x"]) > limit:
                raise Internal("no room for so many")
            return doubled(inputs)

        return FunctionServable(small_only)

    limited = at_most(20)
    loaded = load(lambda: limited, warmup_runs=1, sizes=(1, 64), clock=ManualClock(), surely=17)
    assert [run.rows for run in loaded.runs] == [1, 17]
    assert loaded.limits == {DEFAULT: "warm-up of signature 'serving_default' with 64 rows failed: no room for so many"}
    assert limited.closed == 0
    with pytest.raises(FailedPrecondition, match="with 64 rows failed: no room for so many"):
        load(lambda: at_most(16), warmup_runs=1, sizes=(1, 64), clock=ManualClock(), surely=17)
    with pytest.raises(FailedPrecondition, match="with 9 rows failed"):
        load(lambda: at_most(8), warmup_runs=1, sizes=(1, 9), clock=ManualClock(), surely=17)


def test_what_can_t_be_opened_says_so_itself() -> None:
    def torn() -> FunctionServable:
        raise DataLoss("digest differs")

    with pytest.raises(DataLoss, match="digest differs"):
        load(torn, warmup_runs=1, sizes=(1,), clock=ManualClock())


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        ({}, "output 'y' is missing"),
        ({"y": np.zeros((3, 2), np.float64)}, "is FP64, the signature says FP32"),
        ({"y": np.zeros((3, 5), np.float32)}, r"has shape \[3, 5\], the signature says \[-1, 2\]"),
        ({"y": np.zeros((3,), np.float32)}, r"has shape \[3\]"),
        ({"y": np.zeros((1, 2), np.float32)}, "for 3 rows: .* declare it with batched false"),
    ],
)
def test_an_answer_that_is_not_as_declared_is_told(outputs: dict[str, Array], says: str) -> None:
    with pytest.raises(FailedPrecondition, match=says):
        check_outputs(ROW, outputs, 3)
    check_outputs(ROW, {"y": np.zeros((3, 2), np.float32)}, 3)


def test_labels_are_as_many_as_the_scores_of_a_row_also_where_the_signature_leaves_their_number_open() -> None:
    free = structs.replace(ROW.outputs[0], shape=(None, None))
    signature = structs.replace(ROW, outputs=(free,), scores="y", labels=("no", "yes"))
    check_outputs(signature, {"y": np.zeros((3, 2), np.float32)}, 3)
    with pytest.raises(FailedPrecondition, match=r"2 labels \('no', 'yes'\), and output 'y' has shape \[3, 5\]"):
        check_outputs(signature, {"y": np.zeros((3, 5), np.float32)}, 3)
