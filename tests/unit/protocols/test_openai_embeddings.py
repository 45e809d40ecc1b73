import base64
import json
from typing import Any

import numpy as np
import pytest

from bms.core.errors import Internal, InvalidArgument
from bms.core.tensors.request import InferResponse
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import Tensor
from bms.protocols.openai.embeddings import DecodedEmbeddings, decode_embeddings, encode_embeddings, read_embeddings
from bms.protocols.openai.vocabulary import Vocabulary, read_vocabulary


def spec(name: str, dtype: Any, *shape: int | None) -> TensorSpec:
    return TensorSpec(name=name, dtype=dtype, shape=shape)


VECTOR = (spec("embedding", "FP32", None, 3),)
TEXTS = Signature(inputs=(spec("text", "BYTES", None),), outputs=(*VECTOR, spec("tokens", "INT32", None)))
IDS = spec("input_ids", "INT64", None, None)
MASKED = Signature(inputs=(IDS, spec("attention_mask", "INT32", None, None)), outputs=VECTOR)
BOTH = {"serving_default": MASKED, "text": TEXTS}
OWN = {"serving_default": MASKED}
WORDS = read_vocabulary(b"aGVs 0\nbG8g 1\nd8M= 2\nqQ== 3\nIQ== 5\n")  # "hel", "lo ", "w" and half an "é", its half, "!"


def decoded(
    body: object, signatures: dict[str, Signature] = BOTH, vocabulary: Vocabulary | None = None
) -> DecodedEmbeddings:
    return decode_embeddings(read_embeddings(json.dumps(body).encode()), "m", signatures, vocabulary)


def answered(asked: DecodedEmbeddings, **outputs: Any) -> Any:
    tensors = [Tensor(name, np.asarray(array)) for name, array in outputs.items()]
    return json.loads(encode_embeddings(InferResponse(model="m", version=1, outputs=tensors), asked))


@pytest.mark.parametrize(
    ("model", "means"),
    [
        ("m", ("m", None, None)),
        ("m@3", ("m", 3, None)),
        ("m@stable", ("m", None, "stable")),
        ("a:b", ("a:b", None, None)),
    ],
)
def test_the_model_is_named_in_the_body(model: str, means: tuple[object, ...]) -> None:
    asked = read_embeddings(json.dumps({"model": model, "input": "a"}).encode())
    assert (asked.model, asked.version, asked.alias) == means


def test_one_text_and_many_are_rows_of_the_signature_that_takes_texts() -> None:
    for given, rows in (("é", ["é"]), (["a", ""], ["a", ""])):
        asked = decoded({"model": "m", "input": given, "user": "somebody", "more": [1]})
        (tensor,) = asked.request.inputs
        assert (asked.request.signature, asked.rows, asked.request.outputs) == (
            "text",
            len(rows),
            ("embedding", "tokens"),
        )
        assert [item.decode() for item in tensor.array.tolist()] == rows


def test_token_ids_are_filled_up_and_masked() -> None:
    asked = decoded({"model": "m", "input": [[5, 6, 7], [8]]}, OWN)
    ids, mask = asked.request.inputs
    assert (asked.request.signature, asked.rows, asked.counted) == ("serving_default", 2, 4)
    assert ids.array.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert (mask.array.tolist(), mask.dtype) == ([[1, 1, 1], [1, 0, 0]], "INT32")
    assert decoded({"model": "m", "input": [5, 6]}, OWN).request.inputs[0].array.tolist() == [[5, 6]]
    unmasked = {"serving_default": Signature(inputs=(IDS,), outputs=VECTOR)}
    assert decoded({"model": "m", "input": [[1, 2], [3, 4]]}, unmasked).rows == 2
    with pytest.raises(InvalidArgument, match="takes no mask"):
        decoded({"model": "m", "input": [[1, 2], [3]]}, unmasked)


@pytest.mark.parametrize("signatures", [BOTH, {"text": TEXTS}])
def test_token_ids_of_openais_clients_are_texts_where_it_is_said_what_they_mean(
    signatures: dict[str, Signature],
) -> None:
    for vocabulary in (WORDS, None):
        for given, texts in (([[0, 1, 2, 3], [5]], ["hello wé", "!"]), ([0, 1], ["hello "]), ([[2]], ["w\ufffd"])):
            body = {"model": "m", "input": given}
            if vocabulary is None:
                with pytest.raises(InvalidArgument, match=r"check_embedding_ctx_length=False.*--openai-tokens"):
                    decoded(body, signatures)
                continue
            asked = decoded(body, signatures, vocabulary)
            assert [item.decode() for item in asked.request.inputs[0].array.tolist()] == texts
            assert (asked.request.signature, asked.counted) == ("text", None)
    for unknown in (4, 6, -1):
        with pytest.raises(InvalidArgument, match=f"holds {unknown}, which is no token"):
            decoded({"model": "m", "input": [[0, unknown]]}, signatures, WORDS)


@pytest.mark.parametrize(
    ("data", "says"),
    [(b"", "is empty"), (b"aGVs 0\nbG8g", "line 2 is no token"), (b"hel! 0", "line 1"), (b"aGVs -1", "line 1")],
)
def test_a_file_that_is_no_vocabulary_is_refused_by_its_line(data: bytes, says: str) -> None:
    with pytest.raises(InvalidArgument, match=says):
        read_vocabulary(data)


def test_vectors_come_as_numbers_or_as_bytes_of_them() -> None:
    vectors = np.array([[0.1, -2, 3], [1, 0, 0]], dtype=np.float32)
    for form in ("float", None, "base64"):
        body = {"model": "m", "input": ["a", "b"], "encoding_format": form}
        answer = answered(decoded(body), embedding=vectors, tokens=np.array([3, 4], np.int32))
        assert (answer["object"], answer["model"]) == ("list", "m")
        assert answer["usage"] == {"prompt_tokens": 7, "total_tokens": 7}
        assert [(one["object"], one["index"]) for one in answer["data"]] == [("embedding", 0), ("embedding", 1)]
        for one, vector in zip(answer["data"], vectors, strict=True):
            told = one["embedding"]
            back = np.frombuffer(base64.b64decode(told), "<f4") if form == "base64" else np.array(told, np.float32)
            assert np.array_equal(back, vector)


def test_fewer_dimensions_are_the_first_ones_made_a_unit_again() -> None:
    vectors = np.array([[3, 4, 12]], dtype=np.float32)
    asked = decoded({"model": "m", "input": "a", "dimensions": 2})
    np.testing.assert_allclose(answered(asked, embedding=vectors)["data"][0]["embedding"], [0.6, 0.8], rtol=1e-6)
    whole = decoded({"model": "m", "input": "a", "dimensions": 3})
    assert answered(whole, embedding=vectors)["data"][0]["embedding"] == [3, 4, 12]


def test_a_model_that_does_not_count_tokens_tells_none() -> None:
    signature = Signature(inputs=TEXTS.inputs, outputs=(spec("pooled", "FP64", None, None),))
    asked = decoded({"model": "m", "input": "a"}, {"s": signature})
    answer = answered(asked, pooled=np.array([[0.5]]))
    assert (answer["data"][0]["embedding"], answer["usage"]["total_tokens"]) == ([0.5], 0)


CLASSES = Signature(inputs=TEXTS.inputs, outputs=(spec("scores", "FP32", None, 2),), method="classify", scores="scores")


@pytest.mark.parametrize(
    ("body", "signatures", "says"),
    [
        ({"input": "a"}, BOTH, "missing required field `model`"),
        ({"model": "m"}, BOTH, "missing required field `input`"),
        ({"model": "m@", "input": "a"}, BOTH, "names no version"),
        ({"model": "m", "input": []}, BOTH, "'input' must be a text"),
        ({"model": "m", "input": 5}, BOTH, "'input' must be a text"),
        ({"model": "m", "input": {"a": 1}}, BOTH, "'input' must be a text"),
        ({"model": "m", "input": ["a", 5]}, BOTH, "'input' must be BYTES"),
        ({"model": "m", "input": [1, "a"]}, BOTH, "whole numbers"),
        ({"model": "m", "input": [1.5]}, BOTH, "whole numbers"),
        ({"model": "m", "input": [[]]}, BOTH, "empty list of tokens"),
        ({"model": "m", "input": [[1 << 63]]}, OWN, "no token id"),
        ({"model": "m", "input": [1, 2]}, {"text": TEXTS}, "holds token ids, and this model takes texts"),
        ({"model": "m", "input": [1, 2]}, {"serving_default": CLASSES}, "makes no embeddings"),
        ({"model": "m", "input": "a"}, {"serving_default": MASKED}, "makes no embeddings"),
        ({"model": "m", "input": "a"}, {"serving_default": CLASSES}, "makes no embeddings"),
        ({"model": "m", "input": "a", "dimensions": 4}, BOTH, "embeddings have 3"),
        ({"model": "m", "input": "a", "dimensions": 0}, BOTH, "expected at least 1"),
        ({"model": "m", "input": "a", "encoding_format": "hex"}, BOTH, "Invalid enum value 'hex'"),
        ({"model": "m", "input": ["a"] * 20000}, BOTH, "at most 16384"),
        ({"model": "m", "input": [[1] * 9000, *[[1]] * 5000]}, OWN, "when its lists are filled up"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(body: object, signatures: dict[str, Signature], says: str) -> None:
    with pytest.raises(InvalidArgument, match=says):
        decoded(body, signatures)


def test_a_small_body_does_not_become_many_times_its_size() -> None:
    uneven = [[7] * 8192, *([7] for _ in range(2046))]
    with pytest.raises(InvalidArgument, match="2047 × 8192 tokens when its lists are filled up"):
        decoded({"model": "m", "input": uneven}, OWN)
    even = [[7] * 512 for _ in range(400)]
    assert decoded({"model": "m", "input": even}, OWN).rows == 400


@pytest.mark.parametrize("form", ["float", "base64"])
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_vector_that_json_cant_say_is_the_models_fault(form: str, number: float) -> None:
    asked = decoded({"model": "m", "input": "a", "encoding_format": form})
    with pytest.raises(Internal, match="with NaN or an infinity"):
        answered(asked, embedding=np.array([[0.5, number]], np.float32))
