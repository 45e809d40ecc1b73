"""The division of rows: whole, fair, and the same everywhere."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bms.adapters.datasets.split import split_rows
from bms.core.errors import InvalidArgument
from tests.sizes import enough

USUAL = {"train": 0.7, "validation": 0.15, "test": 0.15}


@st.composite
def fractions(draw: st.DrawFn) -> dict[str, float]:
    weights = draw(st.tuples(st.integers(1, 100), st.integers(0, 100), st.integers(0, 100)))
    return {name: weight / sum(weights) for name, weight in zip(USUAL, weights, strict=True)}


@settings(max_examples=enough(60, 300), deadline=None)
@given(st.lists(st.integers(0, 12), max_size=300), fractions(), st.integers(0, 1 << 62))
def test_every_row_is_in_one_split_and_every_class_is_divided_fairly(
    labels: list[int], wanted: dict[str, float], seed: int
) -> None:
    classes = np.array(labels, np.int64)
    splits = split_rows(len(labels), wanted, seed, classes)
    assert list(splits) == [name for name in USUAL if wanted[name] > 0]
    assert sorted(np.concatenate(list(splits.values())).tolist()) == list(range(len(labels)))
    for name, rows in splits.items():
        assert abs(len(rows) - wanted[name] * len(labels)) < 1 + 1e-6
        for label in set(labels):
            ideal = wanted[name] * labels.count(label)
            assert abs(int((classes[rows] == label).sum()) - ideal) < 2 + 1e-6


def test_the_same_seed_gives_the_same_rows_on_every_machine() -> None:
    splits = split_rows(12, USUAL, seed=5, labels=np.arange(12) % 2)
    assert {name: rows.tolist() for name, rows in splits.items()} == KNOWN
    assert {name: rows.tolist() for name, rows in split_rows(12, USUAL, 5, np.arange(12) % 2).items()} == KNOWN


KNOWN = {"train": [5, 4, 6, 2, 8, 11, 3, 7], "validation": [1, 10], "test": [9, 0]}


def test_another_seed_gives_other_rows() -> None:
    one, other = split_rows(100, USUAL, 1), split_rows(100, USUAL, 2)
    assert set(one["test"].tolist()) != set(other["test"].tolist())


def test_rows_are_shuffled_across_classes() -> None:
    labels = np.repeat(np.arange(4), 100)
    train = split_rows(400, USUAL, 0, labels)["train"]
    assert len(set(labels[train[:20]].tolist())) == 4


@pytest.mark.parametrize(
    ("wanted", "match"),
    [
        ({"train": 0.5, "test": 0.6}, "sum to 1"),
        ({"train": 1.5, "test": -0.5}, "each lie in 0 to 1"),
        ({"train": 0.0, "test": 1.0}, "give `train` a fraction above 0"),
        ({"test": 1.0}, "give `train` a fraction above 0"),
        ({"train": float("nan")}, "each lie in 0 to 1"),
        ({"train": 0.5, "holdout": 0.5}, "unknown split 'holdout': use train, validation, test"),
        ({}, "sum to 1"),
    ],
)
def test_fractions_that_make_no_sense_are_refused(wanted: dict[str, float], match: str) -> None:
    with pytest.raises(InvalidArgument, match=match):
        split_rows(10, wanted, 0)
