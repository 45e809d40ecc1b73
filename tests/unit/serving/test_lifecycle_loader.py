import numpy as np
import pytest
from msgspec import structs

from bms.core.errors import DataLoss, FailedPrecondition, Internal
from bms.core.signature import DEFAULT, TensorSpec
from bms.core.tensor import Array
from bms.serving.lifecycle.loader import check_outputs, load
from tests.servables import ROW, CountingServable, FunctionServable, doubled


def test_every_signature_is_warmed_at_batch_1_and_at_the_largest() -> None:
    servable = load(lambda: FunctionServable(doubled), warmup_runs=3, max_rows=16)
    assert isinstance(servable, FunctionServable)
    assert servable.runs == [1, 1, 1, 16, 16, 16]
    assert servable.closed == 0


def test_what_is_not_batched_is_warmed_as_it_is() -> None:
    fixed = structs.replace(
        ROW,
        inputs=(TensorSpec(name="x", dtype="FP32", shape=(4, 2)),),
        outputs=(TensorSpec(name="y", dtype="FP32", shape=(4, 2)),),
        batched=False,
    )
    servable = FunctionServable(doubled, {DEFAULT: fixed})
    assert load(lambda: servable, warmup_runs=2, max_rows=16) is servable
    assert servable.runs == [4, 4]


def test_streaming_signatures_are_warmed_by_streaming() -> None:
    servable = CountingServable()
    load(lambda: servable, warmup_runs=2, max_rows=1)
    assert servable.ended == 2
    assert servable.runs == [1, 1]


def test_a_run_that_fails_fails_the_load_with_its_reason_and_closes_it() -> None:
    def small_only(inputs: dict[str, Array]) -> dict[str, Array]:
        if len(inputs["x"]) > 8:
            raise Internal("no room for so many")
        return doubled(inputs)

    servable = FunctionServable(small_only)
    with pytest.raises(FailedPrecondition, match=r"'serving_default' with 9 rows failed: no room for so many"):
        load(lambda: servable, warmup_runs=1, max_rows=9)
    assert servable.closed == 1


def test_what_can_t_be_opened_says_so_itself() -> None:
    def torn() -> FunctionServable:
        raise DataLoss("digest differs")

    with pytest.raises(DataLoss, match="digest differs"):
        load(torn, warmup_runs=1, max_rows=1)


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
