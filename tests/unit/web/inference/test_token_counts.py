"""What an answer says of its tokens is metered as far as it can be true."""

import numpy as np
import pytest

from bms.core.tensors.tensor import Tensor
from bms.protocols.frames import AnswerEnd
from bms.serving.pipeline.token_counts import added, corrected, counted, reported_tokens


def test_integers_named_as_the_meters_are_count_by_their_sum() -> None:
    outputs = [
        Tensor("output_tokens", np.array([[3], [4]], dtype=np.int32)),
        Tensor("text", np.array(["a", "b"], dtype=object)),
        Tensor("input_tokens", np.array([2, 5], dtype=np.uint8)),
    ]
    assert reported_tokens(outputs) == (("input_tokens", 7), ("output_tokens", 7))


@pytest.mark.parametrize("values", [np.array([-1, 5]), np.array([1.5]), np.array([], dtype=int), np.array([1 << 62])])
def test_what_cant_be_true_counts_nothing(values: np.ndarray) -> None:  # type: ignore[type-arg]
    assert reported_tokens([Tensor("output_tokens", values)]) == ()


def test_parts_of_a_stream_add_up() -> None:
    found = added(added((), (("output_tokens", 2),)), (("input_tokens", 9), ("output_tokens", 1)))
    assert found == (("input_tokens", 9), ("output_tokens", 3))
    assert added(found, ()) is found


def test_what_an_engine_counted_takes_the_place_of_what_was_told_of_the_same() -> None:
    told = (("input_tokens", 9), ("output_tokens", 3))
    assert corrected(told, counted(AnswerEnd("stop", None, 5))) == (("input_tokens", 9), ("output_tokens", 5))
    assert corrected((), counted(AnswerEnd("", 1, 0))) == (("input_tokens", 1), ("output_tokens", 0))
    assert corrected(told, counted(AnswerEnd("stop"))) is told
