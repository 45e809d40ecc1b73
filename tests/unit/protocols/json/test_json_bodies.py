"""What a body says beside what is read of it, and what it says twice."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bms.core.errors import InvalidArgument
from bms.protocols.json.repeats import once, refuse_repeats
from bms.protocols.oip.generate import decode_generate
from bms.protocols.oip.infer import decode_infer
from bms.protocols.openai.embeddings import decode_embeddings, read_embeddings
from bms.protocols.tfserving.examples import decode_examples
from bms.protocols.tfserving.predict import decode_predict
from tests.peers.frames_server import SIGNATURES

X = '"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]'
LARGE = f'"datatype": "FP32", "data": [{", ".join(["0.25"] * 36000)}]'
SPLIT = '{"columns": ["number", "text"], "data": [[1, "a"]]}'


def infer(body: str) -> tuple[str, ...]:
    return decode_infer(body.encode(), None, "m", SIGNATURES).request.ignored


def binary(head: str) -> tuple[str, ...]:
    return decode_infer(head.encode() + bytes(16), len(head.encode()), "m", SIGNATURES).request.ignored


def predict(body: str) -> tuple[str, ...]:
    return decode_predict(body.encode(), "m", SIGNATURES).request.ignored


def classify(body: str) -> tuple[str, ...]:
    return decode_examples(body.encode(), "m", SIGNATURES, "classify").request.ignored


def embed(body: str) -> tuple[str, ...]:
    return decode_embeddings(read_embeddings(body.encode()), "m", SIGNATURES).request.ignored


def generate(body: str) -> tuple[str, ...]:
    return decode_generate(body.encode(), "m", SIGNATURES).request.ignored


@pytest.mark.parametrize(
    ("ask", "body", "ignored"),
    [
        (infer, f'{{"inputs": [{{{X}}}]}}', ()),
        (infer, f'{{"id": "1", "model_name": "m", "inputs": [{{{X}}}]}}', ("model_name",)),
        (infer, f'{{"inputs": [{{{X}, "colour": 1}}], "outputs": [{{"name": "y", "index": 0}}]}}', ("other", "other")),
        (infer, f'{{"inputs": [{{{X}}}], "outputs": null, "tenant": {{"a": ["b"]}}}}', ("other",)),
        (infer, f'{{"inputs": [{{{X.replace("4]", "NaN]", 1)}}}], "model_version": "1"}}'.replace("[1, NaN", "[1, 4")
         .replace("2, 3, 4]", "2, 3, NaN]"), ("model_version",)),
        (binary, '{"model_name": "m", "inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "parameters": '
         '{"binary_data_size": 16}}]}', ("model_name",)),
        (predict, '{"instances": [[1, 2, 3, 4]], "params": {"n": 1}}', ("params",)),
        (predict, '{"instances": [[1, 2, 3, NaN]], "params": {"n": 1}}', ("params",)),
        (classify, '{"examples": [{"features": [1, 2]}], "signature_name": "classes", "colour": 1}', ("other",)),
        (embed, '{"model": "m", "input": ["a"], "user": "me"}', ("user",)),
        (generate, '{"prompt": "a", "temperature": 1}', ()),  # a parameter
    ],
)  # fmt: skip
def test_members_that_nobody_knows_are_left_out_and_told_by_bounded_names(
    ask: object, body: str, ignored: tuple[str, ...]
) -> None:
    assert ask(body) == ignored  # type: ignore[operator]


@pytest.mark.parametrize(
    ("ask", "body", "twice"),
    [
        (infer, f'{{"inputs": [{{{X}}}], "inputs": [{{{X}}}]}}', "inputs"),
        (infer, f'{{"inputs": [{{{X}, "data": [5, 6, 7, 8]}}]}}', "data"),
        (infer, f'{{"id": "1", "inputs": [{{{X}}}], "id": "2"}}', "id"),
        (infer, f'{{"inputs": [{{{X}}}], "parameters": {{"priority": 1, "priority": 2}}}}', "priority"),
        (infer, f'{{"inputs": [{{{X}}}], "outputs": [{{"name": "y", "name": "y"}}]}}', "name"),
        (infer, f'{{"inputs": [{{{X}}}], "colour": 1, "colour": 2}}', "colour"),
        (infer, f'{{"inputs": [{{{X.replace("3, 4]", "3, NaN]")}}}], "id": "1", "id": "1"}}', "id"),
        (infer, f'{{"inputs": [{{"name": "x", "shape": [9000, 4], {LARGE}, "shape": [9000, 4]}}]}}', "shape"),
        (binary, '{"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "parameters": '
         '{"binary_data_size": 16}, "name": "x"}]}', "name"),
        (predict, '{"instances": [[1, 2, 3, 4]], "instances": [[5, 6, 7, 8]]}', "instances"),
        (predict, '{"instances": [{"x": [1, 2, 3, 4], "x": [5, 6, 7, 8]}]}', "x"),
        (predict, '{"inputs": {"x": [[1, 2, 3, 4]], "x": [[5, 6, 7, 8]]}}', "x"),
        (predict, f'{{"dataframe_split": {SPLIT[:-1]}, "data": [[2, "b"]]}}}}', "data"),
        (classify, '{"examples": [{"features": [1, 2]}, {"features": [1, 2], "features": [3, 4]}]}', "features"),
        (embed, '{"model": "m", "input": ["a"], "input": ["b"]}', "input"),
        (generate, '{"prompt": "a", "prompt": "b"}', "prompt"),
    ],
)  # fmt: skip
def test_a_name_twice_in_one_object_is_refused_by_every_dialect(ask: object, body: str, twice: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        ask(body)  # type: ignore[operator]
    assert f"the body has {twice!r} twice in one object: say it once" in refusal.value.message


@pytest.mark.parametrize(
    ("ask", "body"),
    [
        (infer, f'{{"model_name": "m", "inputs": [{{{X}}}]}}'),
        (infer, f'{{"model_name": "m", "inputs": [{{"name": "x", "shape": [9000, 4], {LARGE}}}]}}'),
        (predict, '{"instances": [[1, 2, 3, NaN]], "model_name": "m"}'),
        (classify, '{"examples": [{"features": [1, 2]}], "model_name": "m"}'),
        (embed, '{"model": "m", "input": ["a"], "model_name": "me"}'),
    ],
)
def test_a_byte_order_mark_before_a_body_is_passed_over(ask: object, body: str) -> None:
    assert ask("\ufeff" + body) == ("model_name",)  # type: ignore[operator]
    with pytest.raises(InvalidArgument, match=r"the body is not JSON|Expecting value"):
        ask("\ufeff" * 2000 + body)  # type: ignore[operator]


def test_quotation_marks_within_texts_are_no_names() -> None:
    quoted = json.dumps(
        {"id": 'say "a"', "inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1] * 4}]}
    )
    assert decode_infer(quoted.encode(), None, "m", SIGNATURES).request.id == 'say "a"'
    texts = json.dumps({"instances": [{"number": 1, "text": '"number": "number"'}], "signature_name": "two"})
    assert decode_predict(texts.encode(), "m", SIGNATURES).rows == 1


def test_an_empty_id_is_none() -> None:
    for body in (f'{{"inputs": [{{{X}}}], "id": ""}}', f'{{"inputs": [{{{X}}}], "id": "", "model_name": "m"}}'):
        assert decode_infer(body.encode(), None, "m", SIGNATURES).request.id is None
    assert decode_generate(b'{"prompt": "a", "id": ""}', "m", SIGNATURES).request.id is None


class Pairs(list):  # type: ignore[type-arg]
    """An object as it is written, names twice and all."""


def dict_of(pairs: list[tuple[str, object]]) -> Pairs:
    return Pairs(pairs)


NAMES = st.sampled_from(["a", "b", 'c"', "é", "\\"])
VALUES = st.recursive(
    st.none() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(NAMES, inner), max_size=3).map(dict_of),
    max_leaves=12,
)


def written(value: object) -> str:
    if isinstance(value, Pairs):
        return "{" + ", ".join(f"{json.dumps(name)}: {written(item)}" for name, item in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return json.dumps(value)


@given(VALUES)
def test_what_is_found_is_what_a_parser_of_pairs_finds(value: object) -> None:
    text = written(value).encode()

    def twice(look: object) -> bool:
        try:
            look(text)  # type: ignore[operator]
        except InvalidArgument:
            return True
        return False

    assert twice(refuse_repeats) == twice(lambda text: json.loads(text, object_pairs_hook=once))


def test_objects_in_objects_without_end_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="nested too deeply"):
        refuse_repeats(b'{"a":' * 100_000 + b"1" + b"}" * 100_000)


def test_a_name_twice_is_found_at_any_depth() -> None:
    for depth in (1, 7, 8, 9, 70):
        refuse_repeats(b'{"a":' * depth + b'{"b":1,"c":[{"b":1}]}' + b"}" * depth)
        with pytest.raises(InvalidArgument, match="'b' twice"):
            refuse_repeats(b'{"a":[' * depth + b'{"b":1,"b":2}' + b"]}" * depth)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "image/png"),
        (b"\xff\xd8\xff\xe0\0", "image/jpeg"),
        (b"RIFF\1\0\0\0WEBPVP8 ", "image/webp"),
    ],
)
def test_an_image_without_its_content_type_is_told_the_header(body: bytes, kind: str) -> None:
    for decode in (
        lambda: decode_predict(body, "m", SIGNATURES),
        lambda: decode_examples(body, "m", SIGNATURES, "classify"),
        lambda: decode_infer(body, None, "m", SIGNATURES),
    ):
        with pytest.raises(InvalidArgument, match=f"'Content-Type: {kind}'"):
            decode()
