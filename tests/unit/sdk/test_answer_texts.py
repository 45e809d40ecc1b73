"""Texts that models answer with are `str`, whatever the wire."""

import numpy as np

from bms.sdk.inference import Prediction
from bms.sdk.predictions.answers import as_texts


def objects(*items: object) -> np.ndarray:
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


def test_texts_are_str_in_the_shape_that_they_had() -> None:
    for array in (
        objects(b"yes", "nö".encode()),
        objects("yes", "nö"),
        np.array(["yes", "nö"]),
        np.array([b"yes", b"no"]),
    ):
        texts = as_texts(array.reshape(2, 1))
        assert (texts.dtype, texts.shape, texts[0, 0]) == (np.dtype(object), (2, 1), "yes")
        assert type(texts[1, 0]) is str
    assert (as_texts(objects(b"yes", b"no")) == "yes").tolist() == [True, False]
    assert as_texts(objects()).shape == (0,)


def test_what_is_no_text_stays_bytes_all_of_it() -> None:
    assert as_texts(objects(b"a", b"\xff")).tolist() == [b"a", b"\xff"]
    assert as_texts(objects("a", {"b64": "/w=="})).tolist() == [b"a", b"\xff"]
    assert as_texts(objects({"b64": "YQ=="}, "b")).tolist() == ["a", "b"]


def test_numbers_are_left_alone() -> None:
    numbers = np.arange(3)
    assert Prediction({"n": numbers, "t": objects(b"x")}, 1).outputs["n"] is numbers
    assert Prediction({"t": objects(b"to ", b"be")}, 1).text == "to be"
