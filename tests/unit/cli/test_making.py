"""Short forms of the command line: values of parameters, and numbers by name."""

import pytest

from bms.cli.options.values import parse_image, parse_numbers, parse_values
from bms.core.errors import InvalidArgument


def test_values_are_json_and_what_is_none_is_a_text() -> None:
    texts = ["rate=0.1", "layers=[1,2]", "kind=adam", "note=", 'said="NaN"', f"seed={10**30}", "at=2026-01-01"]
    assert parse_values(texts) == {
        "rate": 0.1,
        "layers": [1, 2],
        "kind": "adam",
        "note": "",
        "said": "NaN",
        "seed": 10**30,
        "at": "2026-01-01",
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a=" + "[" * 100_000, "'a' nests lists and objects more deeply than can be read"),
        ("a=" + "[" * 100_000 + "]" * 100_000, "'a' nests lists and objects more deeply"),
        ("a=1e400", "'a': '1e400' is a number beyond those of 64 bits; write it with quotes to mean a text: \"1e400\""),
        ("a=" + "9" * 5000, r"'a': '9{40}…' is a number with more digits than can be read"),
        ("a=[1,1e400]", "'a' is not JSON: .*out of range"),
        ("a=NaN", "'a': NaN is no number of JSON; .* text: \"NaN\""),
        ("a=-Infinity", "'a': -Infinity is no number of JSON"),
        ("a=[NaN]", "'a' is not JSON: "),
        ("a={", "'a' is not JSON: "),
        ("a=\udcff", "'a' is not text of UTF-8"),
    ],
)
def test_what_can_not_be_a_value_is_refused_by_its_name(text: str, says: str) -> None:
    with pytest.raises(InvalidArgument, match=says) as refused:
        parse_values([text])
    assert len(refused.value.message) < 300


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("mode=G", "mode is 'G', expected L or RGB"),
        ("mode=L,resize=fit", "resize is 'fit', expected stretch or crop or none"),
        ("mode=L,interpolation=cubic", "interpolation is 'cubic', expected nearest or bilinear or bicubic"),
        ("mode=L,layout=WHC", "layout is 'WHC', expected flat or HWC or CHW or HW"),
    ],
)
def test_words_that_no_image_option_has_are_refused_with_those_there_are(said: str, expected: str) -> None:
    with pytest.raises(InvalidArgument, match=expected):
        parse_image(f"input=x,height=8,width=8,{said}")


def test_numbers_by_name_are_read_and_others_refused() -> None:
    assert parse_numbers(["accuracy=0.9", "loss=1e-3"]) == {"accuracy": 0.9, "loss": 0.001}
    for text in ("accuracy=high", "accuracy=nan", "accuracy=inf", "accuracy="):
        with pytest.raises(InvalidArgument, match=r"accuracy.* is no number, like accuracy=0\.9"):
            parse_numbers([text])
