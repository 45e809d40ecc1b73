"""An answer put together from rows that were written with others is the answer written alone."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bms.core.tensors.outputs import OutputRows, Together
from bms.core.tensors.request import InferRequest, InferResponse
from bms.core.tensors.tensor import NUMPY, Array, Tensor
from bms.protocols.oip.infer import DecodedInfer, encode_infer
from bms.protocols.oip.rows import encode_rows

PLAIN = DecodedInfer(InferRequest(model="m", inputs=[]), 1)
DTYPES = [dtype for dtype in NUMPY if dtype != "BYTES"]


@given(st.data())
def test_it_gives_what_the_usual_way_gives(data: st.DataObject) -> None:
    cuts = sorted({0, *data.draw(st.lists(st.integers(1, 8), min_size=1, max_size=4))})
    tensors = []
    for number in range(data.draw(st.integers(1, 3))):
        inner = data.draw(st.lists(st.integers(0, 3), max_size=3))
        kind = NUMPY[data.draw(st.sampled_from(DTYPES))]
        tensors.append(Tensor(f'out"{number}', data.draw(arrays.arrays(kind, (cuts[-1], *inner)))))
    whole = Together(tensors)
    id = data.draw(st.none() | st.text(max_size=3))
    for start, end in pairwise(cuts):
        share = OutputRows(whole, start, end)
        alone = [Tensor(name, array[start:end]) for name, array in tensors]
        fast = encode_rows("mödel", 3, id, share)
        if fast is None:
            assert any(not array.size for _, array in tensors)
        else:
            usual = encode_infer(InferResponse(model="mödel", version=3, outputs=alone, id=id), PLAIN)
            assert repr(json.loads(fast)) == repr(json.loads(usual[0]))
            if all(array.dtype.kind != "f" or np.isfinite(array).all() for _, array in tensors):
                assert (fast, None) == usual


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e-45, 3.4028235e38, -0.0])
def test_floats_without_a_word_in_json_are_written_bare(value: float) -> None:
    array: Array = np.array([[0.5, value], [1.0, 2.0]], dtype="<f4")
    together = Together([Tensor("y", array)])
    for row in range(2):
        response = InferResponse(model="m", version=1, outputs=[Tensor("y", array[row : row + 1])])
        assert encode_rows("m", 1, None, OutputRows(together, row, row + 1)) == encode_infer(response, PLAIN)[0]


@pytest.mark.parametrize("value", [0.015625, 0.1, 65504])
def test_digits_are_the_same_beside_a_number_without_a_word_in_json(value: float) -> None:
    array: Array = np.array([[value], [np.inf]], dtype="<f2")
    response = InferResponse(model="m", version=1, outputs=[Tensor("y", array[:1])])
    assert (
        encode_rows("m", 1, None, OutputRows(Together([Tensor("y", array)]), 0, 1)) == encode_infer(response, PLAIN)[0]
    )


def test_text_is_left_to_the_usual_way() -> None:
    together = Together([Tensor("t", np.array([b"a", b"],["], dtype=object))])
    assert encode_rows("m", 1, None, OutputRows(together, 0, 1)) is None
    assert encode_rows("m", 1, None, OutputRows(together, 1, 2)) is None
    body, _ = encode_infer(InferResponse(model="m", version=1, outputs=OutputRows(together, 1, 2)), PLAIN)
    assert b'"data":["],["]' in body


def test_a_share_is_a_sequence_of_its_rows() -> None:
    together = Together([Tensor("a", np.arange(6)), Tensor("b", np.arange(12).reshape(6, 2))])
    share = OutputRows(together, 2, 4)
    assert len(share) == 2
    assert [(name, array.tolist()) for name, array in share] == [("a", [2, 3]), ("b", [[4, 5], [6, 7]])]
    assert share[0] is next(iter(share))
    assert share[1:][0].name == "b"
