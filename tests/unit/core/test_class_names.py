"""Names of classes are the same if they say the same; nothing follows from where they stand."""

import pytest

from bms.core.errors import FailedPrecondition
from bms.core.tensors.class_names import are_numbers, duplicate_name, names_text, number_of, places, resolve_class_names

DECOMPOSED = "cafe\N{COMBINING ACUTE ACCENT}"


@pytest.mark.parametrize(
    ("data", "model", "found"),
    [
        (["no", "yes"], ["yes", "no"], (1, 0)),
        (["apple", "cherry"], ["apple", "banana", "cherry"], (0, 2)),
        (["apple", "plum"], ["apple", "banana"], (0, None)),
        (["0", "1", "10", "2"], ["0", "1", "2", "10"], (0, 1, 3, 2)),
        (["1", "2"], ["2.0", "1.0"], (1, 0)),
        (["1e3"], ["1000", "1"], (0,)),
        (["9007199254740993"], ["9007199254740992", "9007199254740993.0"], (1,)),
        (["false", "true"], ["True", "False"], (1, 0)),
        (["0", "1"], ["False", "True"], (0, 1)),
        (["True", "False"], ["0.0", "1.0"], (1, 0)),
        (["café"], ["tea", DECOMPOSED], (1,)),
    ],
)
def test_equal_names_are_found_wherever_they_stand(
    data: list[str], model: list[str], found: tuple[int | None, ...]
) -> None:
    assert places(data, model) == found


@pytest.mark.parametrize(
    ("data", "model"),
    [
        (["Yes"], ["yes"]),
        ([" yes"], ["yes"]),
        (["01"], ["1"]),  # a code
        (["1"], ["one"]),
        (["1"], ["1.0", "other"]),  # "1.0" is a name among names there
        (["2"], ["False", "True"]),
        (["1"], ["True", "1.0", "unknown"]),
        (["true"], ["yes", "True"]),
        (["nan"], ["NaN"]),
    ],
)
def test_what_only_looks_alike_is_not_the_same(data: list[str], model: list[str]) -> None:
    assert places(data, model) == (None,)


def test_no_form_makes_one_class_of_two() -> None:
    assert places(["1", "1.0"], ["1", "2"]) == (0, None)
    assert places(["é", "e\N{COMBINING ACUTE ACCENT}"], ["é", "x"]) == (0, None)


def test_a_model_with_two_classes_of_one_name_can_not_be_joined() -> None:
    with pytest.raises(FailedPrecondition, match="two of its classes 'b'"):
        places(["a"], ["a", "b", "b"])
    assert duplicate_name(["a", "b", "a"]) == "a"
    assert duplicate_name(["a", "b"]) is None


def test_a_number_is_what_a_name_says_exactly() -> None:
    assert [number_of(name) for name in ("7", "-7.50", "1e3")] == [7, -7.5, 1000]
    assert [number_of(name) for name in ("007", "seven", "", "inf", "1_000", "٣", "1e99999999")] == [None] * 7


def test_numbers_from_zero_say_nothing() -> None:
    assert are_numbers(["0", "1", "2"])
    assert are_numbers(["LABEL_0", "LABEL_1"])
    assert not are_numbers(["1", "2"])
    assert not are_numbers(["1", "0"])


@pytest.mark.parametrize(
    ("declared", "found", "settled"),
    [
        ((), (), ()),
        ((), ("no", "yes"), ("no", "yes")),
        (("no", "yes"), (), ("no", "yes")),
        (("no", "yes"), ("no", "yes"), ("no", "yes")),
        (("cat", "dog"), ("0", "1"), ("cat", "dog")),
        (("0", "1", "10", "2"), ("0", "1", "2", "3"), ("0", "1", "10", "2")),  # folders of images, sorted as texts
        (("cat", "dog"), ("LABEL_0", "LABEL_1"), ("cat", "dog")),
        (("low", "high"), ("3", "5"), ("low", "high")),
        (("false", "true"), ("False", "True"), ("false", "true")),
    ],
)
def test_declared_names_stand_where_the_file_has_none_or_the_same(
    declared: tuple[str, ...], found: tuple[str, ...], settled: tuple[str, ...]
) -> None:
    assert resolve_class_names(declared, found) == settled


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        (("yes", "no"), ("no", "yes")),
        (("cat", "dog"), ("no", "yes")),
        (("5", "3"), ("3", "5")),
        (("a", "b"), ("0", "1", "2")),
        (("true", "false"), ("False", "True")),
    ],
)
def test_declared_names_that_contradict_the_files_are_refused_with_both(
    declared: tuple[str, ...], found: tuple[str, ...]
) -> None:
    with pytest.raises(FailedPrecondition) as refused:
        resolve_class_names(declared, found)
    assert names_text(declared) in refused.value.message
    assert names_text(found) in refused.value.message


def test_many_names_are_shown_in_part() -> None:
    assert names_text([str(number) for number in range(1000)]).endswith("'19' and 980 more")
