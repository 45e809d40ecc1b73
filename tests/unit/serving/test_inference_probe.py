import numpy as np
import pytest
from msgspec import structs

from bms.core.clock import ManualClock
from bms.core.errors import FailedPrecondition, Internal, InvalidArgument
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec
from bms.core.tensors.tensor import Array
from bms.serving.inference.probe import ObservedSignature, observed
from tests.servables import ROW, Function, FunctionServable, doubled


def looked_at(
    function: Function, signature: Signature = ROW, example: object = None, **more: object
) -> ObservedSignature:
    clock = ManualClock().monotonic
    return observed(FunctionServable(function), DEFAULT, signature, example, **{"monotonic": clock, **more})  # type: ignore[arg-type]


def seen(function: Function, signature: Signature = ROW, example: object = None) -> Signature:
    return looked_at(function, signature, example).signature


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
    assert seen(large_only, ROW, example) == ROW


def test_one_row_of_an_example_does_not_hide_that_rows_see_one_another() -> None:
    def centred(inputs: dict[str, Array]) -> dict[str, Array]:
        return {"y": inputs["x"] - inputs["x"].mean(axis=0)}

    assert not seen(centred, ROW, {"x": np.float32([[7, 8]])}).batched


def column(dtype: str, *shape: int | None, name: str = "x") -> TensorSpec:
    return TensorSpec(name=name, dtype=dtype, shape=(None, *shape))  # type: ignore[arg-type]


def of(*inputs: TensorSpec) -> Signature:
    return Signature(inputs=inputs)


def test_whole_numbers_are_tried_as_large_as_the_model_takes_them() -> None:
    """Rows of 0 and 1 alone would not show it."""

    largest: list[int] = []

    def ranked_beyond_thirty(inputs: dict[str, Array]) -> dict[str, Array]:
        ids = inputs["x"]
        largest.append(int(ids.max()) if ids.max() < 50 else 0)
        if ids.max() >= 50:
            raise InvalidArgument("there are 50 ids")
        return {"y": ids + (ids.max() > 30) * len(ids)}

    found = looked_at(ranked_beyond_thirty, of(column("INT64", 2)))
    assert not found.signature.batched
    assert "'y' of a row differs in a batch" in found.apart
    assert max(largest) == 40
    assert len(found.example["x"]) == 1  # rows that must not share a run are none to warm up with


def test_rows_of_other_magnitudes_are_put_together() -> None:
    def quantized(inputs: dict[str, Array]) -> dict[str, Array]:
        step = np.abs(inputs["x"]).max() / 127 + 1e-9
        return {"y": np.round(inputs["x"] / step).astype(np.float32) * np.float32(step)}

    assert "in a batch" in looked_at(quantized).apart


def test_texts_of_unequal_length_are_put_together() -> None:
    def padded(inputs: dict[str, Array]) -> dict[str, Array]:
        lengths = [len(text) for text in inputs["x"]]
        return {"y": np.float32([[length / max(1, *lengths)] for length in lengths])}

    assert "in a batch" in looked_at(padded, of(column("BYTES"))).apart


def test_a_text_that_is_empty_need_not_be_taken() -> None:
    def priced(inputs: dict[str, Array]) -> dict[str, Array]:
        if b"" in inputs["x"]:
            raise InvalidArgument("no price of ''")
        return {"y": np.float32([len(text) for text in inputs["x"]])}

    assert seen(priced, of(column("BYTES"))).batched


def test_pictures_are_tried_where_texts_are_refused() -> None:
    def decoded(inputs: dict[str, Array]) -> dict[str, Array]:
        if any(text[:2] != b"\xff\xd8" for text in inputs["x"]):
            raise InvalidArgument("not a JPEG")
        return {"y": np.float32([sum(text) for text in inputs["x"]])}

    found = looked_at(decoded, of(column("BYTES")))
    assert found.signature.batched
    assert {text[:2] for text in found.example["x"]} == {b"\xff\xd8"}


def test_free_sizes_are_tried_larger_than_one() -> None:
    def convolved(inputs: dict[str, Array]) -> dict[str, Array]:
        if min(inputs["x"].shape[1:]) < 5:
            raise InvalidArgument("kernel is larger than input")
        return {"y": inputs["x"].sum(axis=(1, 2), keepdims=True)}

    found = looked_at(convolved, of(column("FP32", None, None)))
    assert found.signature.batched
    assert found.example["x"].shape[1:] == (8, 8)


def test_sizes_to_which_nothing_is_answered_are_too_small() -> None:
    def convolved(inputs: dict[str, Array]) -> dict[str, Array]:
        if inputs["x"].shape[1] < 5:
            return {"y": np.zeros((0, 4), np.float32)}
        return {"y": inputs["x"][:, :4] * 2}

    found = looked_at(convolved, of(column("FP32", None)))
    assert found.signature.batched
    assert found.example["x"].shape[1:] == (8,)


def test_lengths_that_must_not_be_zero_are_not() -> None:
    def packed(inputs: dict[str, Array]) -> dict[str, Array]:
        if not (inputs["n"].min() > 0 and inputs["n"].max() <= 6):
            raise Internal("lengths > 0")
        return {"y": inputs["x"][np.arange(len(inputs["n"])), inputs["n"] - 1]}

    found = looked_at(packed, of(column("FP32", 6), column("INT64", name="n")))
    assert found.signature.batched
    assert set(found.example["n"].tolist()) == {1, 2, 3}


def test_transposed_rows_of_a_free_size_are_noticed() -> None:
    def transposed(inputs: dict[str, Array]) -> dict[str, Array]:
        return {"y": inputs["x"].T.reshape(inputs["x"].shape)}

    assert "in a batch" in looked_at(transposed, of(column("FP32", None))).apart


def test_fewer_answers_than_rows_are_noticed_in_one_row_alone() -> None:
    def dropping(inputs: dict[str, Array]) -> dict[str, Array]:
        return {"y": inputs["x"][inputs["x"].sum(axis=1) > -50]}

    found = looked_at(dropping)
    assert "'y' has shape [0, 2] for one row" in found.apart
    assert found.signature.outputs[0].shape == (None, 2)


def test_state_and_chance_are_noticed() -> None:
    calls = iter(range(1000))
    drawn = np.random.default_rng(1)
    for function in (
        lambda inputs: {"y": inputs["x"] + np.float32(next(calls))},
        lambda inputs: {"y": inputs["x"] + drawn.standard_normal(2).astype(np.float32)},
    ):
        assert "holds state, or draws at random" in looked_at(function).apart


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_the_same_answer_to_all_examples_tells_nothing_unless_the_library_does(value: float) -> None:
    def constant(inputs: dict[str, Array]) -> dict[str, Array]:
        return {"y": np.full((len(inputs["x"]), 2), value, np.float32)}

    found = looked_at(constant)
    assert not found.signature.batched
    assert "all 8 examples get the same answer, which can't tell" in found.apart
    assert "`--example FILE`" in found.apart
    assert looked_at(constant, independent=True).signature.batched


def test_one_example_that_runs_tells_nothing() -> None:
    def one_text(inputs: dict[str, Array]) -> dict[str, Array]:
        if any(text != b"only this" for text in inputs["x"]):
            raise InvalidArgument("another text")
        return {"y": np.zeros(len(inputs["x"]), np.float32)}

    example = {"x": np.array([b"only this"], dtype=object)}
    found = looked_at(one_text, of(column("BYTES")), example)
    assert not found.signature.batched
    assert "can't tell" in found.apart


def test_what_is_said_not_to_be_batched_is_not() -> None:
    found = looked_at(doubled, structs.replace(ROW, batched=False))
    assert not found.signature.batched
    assert found.signature.outputs == ROW.outputs
    assert found.apart == ""


def test_sizes_that_follow_from_content_are_free_where_inputs_are_fixed() -> None:
    fixed = Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=(1, 4)),))
    found = seen(lambda inputs: {"y": np.argwhere(inputs["x"])}, fixed)
    assert not found.batched
    assert found.outputs[0].shape == (None, 2)


def test_a_slow_model_is_asked_less() -> None:
    clock = ManualClock()

    def slow(inputs: dict[str, Array]) -> dict[str, Array]:
        clock.advance(2.0)
        return doubled(inputs)

    found = looked_at(slow, monotonic=clock.monotonic)
    assert found.signature.batched
    assert len(found.example["x"]) == 3


def test_a_library_that_believes_all_it_is_told_is_asked_with_floats_from_0_to_1() -> None:
    found = looked_at(doubled, gentle=True)
    assert found.signature.batched
    assert found.example["x"].min() >= 0
    assert found.example["x"].max() <= 1
    assert len(np.unique(found.example["x"], axis=0)) == 8


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_answers_beside_a_large_constant_tell_by_what_they_differ_in(dtype: type) -> None:
    said = structs.replace(ROW, outputs=())

    def far(inputs: dict[str, Array]) -> dict[str, Array]:
        return {"y": (inputs["x"].astype(dtype) / 1000 + 2000).astype(dtype)}

    def centred(inputs: dict[str, Array]) -> dict[str, Array]:
        x = inputs["x"].astype(dtype)
        return {"y": ((x - x.mean(axis=0)) / 1000 + 2000).astype(dtype)}

    assert seen(far, said).batched
    assert "in a batch" in looked_at(centred, said).apart or "same answer" in looked_at(centred, said).apart


def test_rounding_is_no_company() -> None:
    def rounded(inputs: dict[str, Array]) -> dict[str, Array]:
        rows = len(inputs["x"])
        return {"y": inputs["x"] * np.float32(1 + 1e-6 * (rows > 1)) + np.float32(3e-7 * rows)}

    assert seen(rounded).batched


def test_what_only_the_number_of_rows_changes_may_be_rounding_that_has_grown_if_it_is_small() -> None:
    def by_size(far: float) -> Function:
        return lambda inputs: {"y": inputs["x"] * np.float32(1 + far * (len(inputs["x"]) > 1))}

    assert seen(by_size(0.01)).batched
    assert not seen(by_size(0.2)).batched


@pytest.mark.parametrize(("dtype", "value"), [("INT64", -1), ("INT8", -1), ("INT32", 5000), ("UINT16", 5000)])
def test_whole_numbers_below_zero_and_beyond_the_usual_are_neighbours(dtype: str, value: int) -> None:
    def shifted(inputs: dict[str, Array]) -> dict[str, Array]:
        ids = inputs["x"].astype(np.int64)
        return {"y": ids - (min(0, int(ids.min())) if value < 0 else max(1000, int(ids.max())))}

    assert f"where 'x' is {value} in another row" in looked_at(shifted, of(column(dtype, 2))).apart


def test_a_neighbour_that_the_model_refuses_tells_nothing() -> None:
    def careful(inputs: dict[str, Array]) -> dict[str, Array]:
        if not np.isfinite(inputs["x"]).all():
            raise InvalidArgument("not a number")
        return doubled(inputs)

    assert seen(careful).batched


def test_no_whole_number_that_the_type_does_not_hold_is_asked() -> None:
    asked: list[Array] = []

    def noted(inputs: dict[str, Array]) -> dict[str, Array]:
        asked.append(inputs["x"])
        return {"y": inputs["x"] * 2}

    assert seen(noted, of(column("UINT8", 2))).batched
    assert {array.dtype for array in asked} == {np.dtype(np.uint8)}
    assert max(int(array.max()) for array in asked) <= 200


def test_large_rows_make_no_large_crowd() -> None:
    counts: list[int] = []

    def counted(inputs: dict[str, Array]) -> dict[str, Array]:
        counts.append(len(inputs["x"]))
        return {"y": inputs["x"][:, :2] * 2}

    assert seen(counted, of(column("FP32", 1 << 15))).batched
    assert max(counts) == 17
    counts.clear()
    assert seen(counted).batched
    assert max(counts) == 65


def test_a_model_of_which_few_rows_run_together_is_batched_within_its_limit() -> None:
    def limited(inputs: dict[str, Array]) -> dict[str, Array]:
        if len(inputs["x"]) > 32:
            raise Internal("32 rows at most")
        return doubled(inputs)

    assert seen(limited).batched


def test_what_is_bounded_is_asked_in_the_magnitudes_of_its_example_alone() -> None:
    asked: set[float] = set()

    def told(inputs: dict[str, Array]) -> dict[str, Array]:
        asked.update(value for value in inputs["x"].ravel().tolist() if abs(value) < 1000)  # unusual neighbours aside
        return doubled(inputs)

    example = {"x": np.float32([[1, 2], [3, 4], [5, 1]])}
    assert looked_at(told, ROW, example, bounded=True).signature.batched
    assert asked == {1, 2, 3, 4, 5}
    assert looked_at(told, ROW, example).signature.batched
    assert min(asked) < 0
