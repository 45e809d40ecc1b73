import numpy as np
import pytest
from msgspec import structs

from bms.core.errors import FailedPrecondition, Internal, InvalidArgument
from bms.core.signature import DEFAULT, TensorSpec
from bms.core.tensor import Array
from bms.serving.inference.probe import observed
from tests.servables import ROW, Function, FunctionServable, doubled


def seen(function: Function, signature: object = ROW):  # type: ignore[no-untyped-def]
    return observed(FunctionServable(function), DEFAULT, signature)  # type: ignore[arg-type]


def one_row_only(inputs: dict[str, Array]) -> dict[str, Array]:
    if len(inputs["x"]) != 1:
        raise Internal("can't reshape")
    return doubled(inputs)


def test_independent_rows_stay_batched() -> None:
    assert seen(doubled) == ROW


def test_rows_that_see_one_another_do_not() -> None:
    signature = seen(lambda inputs: {"y": inputs["x"] - inputs["x"].mean(axis=0)}, structs.replace(ROW, scores="y"))
    assert not signature.batched
    assert signature.scores is None
    assert signature.outputs[0].shape == (None, 2)


def test_a_model_of_one_row_gets_a_fixed_first_dimension() -> None:
    signature = seen(one_row_only)
    assert (signature.batched, signature.inputs[0].shape) == (False, (1, 2))


def test_an_answer_for_the_whole_batch_is_not_batched() -> None:
    signature = seen(lambda inputs: {"y": np.float32(len(inputs["x"])).reshape(())}, ROW)
    assert not signature.batched
    assert signature.outputs[0].shape == ()


def test_integers_that_depend_on_company_are_noticed() -> None:
    whole = structs.replace(ROW, outputs=(TensorSpec(name="y", dtype="INT64", shape=(None,)),))
    assert not seen(lambda inputs: {"y": np.arange(len(inputs["x"]))}, whole).batched


def test_types_and_ranks_are_those_seen() -> None:
    unknown = structs.replace(ROW, outputs=(TensorSpec(name="y", dtype="FP32", shape=()),))
    signature = seen(lambda inputs: {"y": np.zeros((len(inputs["x"]), 3, 1), np.float64)}, unknown)
    assert signature.outputs == (TensorSpec(name="y", dtype="FP64", shape=(None, None, None)),)


def test_what_does_not_run_at_all_is_refused_with_the_shapes_tried() -> None:
    def never(inputs: dict[str, Array]) -> dict[str, Array]:
        raise InvalidArgument("only on Sundays")

    with pytest.raises(FailedPrecondition, match=r"example \(x \[1, 2\]\): only on Sundays; .* declare its signature"):
        seen(never)


def test_an_output_of_changing_rank_is_refused() -> None:
    with pytest.raises(FailedPrecondition, match="changes its number of dimensions"):
        seen(lambda inputs: {"y": np.zeros((1,) * len(inputs["x"]), np.float32)})


def test_a_models_own_example_is_run_instead_of_made_up_rows() -> None:
    def large_only(inputs: dict[str, Array]) -> dict[str, Array]:
        if inputs["x"].min() < 7:
            raise Internal("not of this domain")
        return doubled(inputs)

    example = {"x": np.float32([[7, 8]])}
    assert observed(FunctionServable(large_only), DEFAULT, ROW, example) == ROW


def test_one_row_of_an_example_does_not_hide_that_rows_see_one_another() -> None:
    def centred(inputs: dict[str, Array]) -> dict[str, Array]:
        return {"y": inputs["x"] - inputs["x"].mean(axis=0)}

    assert not observed(FunctionServable(centred), DEFAULT, ROW, {"x": np.float32([[7, 8]])}).batched
