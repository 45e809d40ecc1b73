"""Which features of a LightGBM file are categories, and whose the levels are that it lists."""

import pytest

from bms.adapters.runtimes.lightgbm.columns import SeenFeature, levels_of, owners, real_names, seen_of
from bms.adapters.runtimes.lightgbm.file import TextModel
from bms.adapters.runtimes.lightgbm.runtime import features_of

NUMBER = SeenFeature(bounds=(-3.1, 2.9), whole=False)
SHARE = SeenFeature(bounds=(0.0, 0.5))
FLAG = SeenFeature(bounds=(0.0, 1.0))
GRADE = SeenFeature(bounds=(0.0, 2.0))  # as an ordered category of three levels leaves it, or plain whole numbers
SAME = SeenFeature()


def category(*codes: int) -> SeenFeature:
    return SeenFeature(codes=codes, categorical=True)


@pytest.mark.parametrize(
    ("levels", "seen", "found"),
    [
        ((), (NUMBER, category(0, 7)), ()),
        ((("a", "b"),), (NUMBER, category(1, 0)), (1,)),
        ((("a", "b"),), (SHARE, category(1, 0), SHARE), (1,)),
        ((("a", "b"), (10, 20, 30)), (category(0), NUMBER, category(2, 0)), (0, 2)),
        ((("a", "b", "c"), ("s", "m", "l")), (category(2, 1, 0), GRADE), (0, 1)),
        ((("a", "b", "c"),), (GRADE, FLAG), (0,)),
        ((("a", "b", "c"),), (category(0, 1, 2), FLAG), (0,)),
        ((("a", "b"),), (SeenFeature(categorical=True), NUMBER), (0,)),
        ((("only",), ("a", "b")), (SAME, category(0, 1)), (0, 1)),
    ],
)
def test_levels_are_given_to_features_where_there_is_one_way(
    levels: tuple[tuple[str | int, ...], ...], seen: tuple[SeenFeature, ...], found: tuple[int, ...]
) -> None:
    assert owners(levels, seen) == found


@pytest.mark.parametrize(
    ("levels", "seen"),
    [
        ((("a", "b"),), (category(0, 1), FLAG)),  # or an ordered category beside numbers declared a category
        ((("a", "b", "c"), ("s", "m", "l")), (category(0, 1, 2), GRADE, category(0, 1, 2))),
        ((("a", "b"),), (category(0, 7), NUMBER)),  # more codes than levels
        ((("a", "b"), ("c", "d")), (category(0, 1),)),
        ((("a", "b"),), (NUMBER, NUMBER)),
    ],
)
def test_levels_that_may_be_of_several_features_or_of_none_are_nobodys(
    levels: tuple[tuple[str, ...], ...], seen: tuple[SeenFeature, ...]
) -> None:
    assert owners(levels, seen) is None


def test_many_categories_among_many_features_are_found() -> None:
    seen = tuple(category(0, 1) if number % 2 else NUMBER for number in range(4000))
    assert owners((("a", "b"),) * 1999, seen) is None
    assert owners((("a", "b"),) * 2000, seen) == tuple(range(1, 4000, 2))


@pytest.mark.parametrize(
    ("names", "real"),
    [
        (("age", "income"), True),
        (("Column_0", "Column_1"), False),
        (("0", "1"), False),
        (("1", "0"), True),
        (("Column_1", "Column_0"), True),
        (("a", "a"), False),
    ],
)
def test_the_numbers_of_features_are_no_names(names: tuple[str, ...], real: bool) -> None:
    assert real_names(names) == (names if real else ())


def test_what_training_saw_is_read_from_infos_and_parameters() -> None:
    content = b"\n[max_bin: 255]\n[categorical_feature: 1,3]\n"
    seen = seen_of(["[0:2]", "-1:2:0", "none", "none"], frozenset({0}), content)
    assert seen[0] == SeenFeature(bounds=(0, 2), whole=False)
    assert seen[1] == SeenFeature(codes=(2, 0), categorical=True)
    assert seen[2:] == (SeenFeature(), SeenFeature(categorical=True))


@pytest.mark.parametrize(
    ("last", "levels"),
    [
        (b"pandas_categorical:null", ()),
        (b"pandas_categorical:[]", ()),
        (b"end of parameters", ()),
        (b'pandas_categorical:[["a", "b"], [1, 2.5], [false, true]]\n', (("a", "b"), (1, 2.5), (False, True))),
    ],
)
def test_levels_are_those_of_the_last_line(last: bytes, levels: tuple[object, ...]) -> None:
    assert levels_of(b"tree\n" + last) == levels


@pytest.mark.parametrize(
    "last",
    [b'[["a", 1]]', b"[[null]]", b"[[[1]]]", b"{}", b"[1]", b"[[", b'[["a", "a"]]', b"[[1e999, 99999999999999999999]]"],
)
def test_levels_that_are_none_are_refused(last: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        levels_of(b"tree\npandas_categorical:" + last)


def test_columns_are_declared_where_it_can_not_be_told() -> None:
    model = TextModel(2, 1, "regression", ("city", "flag"), (category(0, 1), FLAG), (("a", "b"),))
    features = features_of(model)
    assert "--column 'city category' --column 'flag number'" in features.unclear
    assert features.levels == (("a", "b"),)
    sure = features_of(model._replace(seen=(category(0, 1), NUMBER)))
    assert not sure.unclear
    assert [spec.column.type for spec in sure.columns if spec.column] == ["category", "number"]
    assert sure.columns[0].column is not None
    assert sure.columns[0].column.categories == ("a", "b")
