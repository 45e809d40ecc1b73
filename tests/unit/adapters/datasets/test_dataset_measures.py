"""Statistics of numbers are exact: of integers that doubles can't tell apart, and of doubles of any size."""

import math
from fractions import Fraction
from statistics import median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bms.adapters.datasets.measures import measure
from bms.adapters.datasets.schema import ColumnSchema, Kind, TableSchema
from bms.adapters.datasets.statistics import describe
from bms.adapters.datasets.table import Column, table_of
from tests.sizes import enough

BASE = 1 << 60


def described(kind: Kind, **columns: Column):  # type: ignore[no-untyped-def]
    schema = TableSchema(features=tuple(ColumnSchema(name=name, kind=kind) for name in columns))
    return describe(table_of(schema, columns), None, {})


def test_large_integers_are_told_apart() -> None:
    ids = np.arange(200) + BASE
    found = described("int", id=ids, n=np.arange(200))
    numbers = found.features[0].numbers
    assert (numbers.distinct, numbers.min, numbers.max) == (200, BASE, BASE + 199)
    assert numbers.std == pytest.approx(np.arange(200).std())
    assert numbers.quantiles["0.25"] == BASE + 50
    assert sum(numbers.histogram.counts) == 200
    assert (numbers.histogram.edges[0], numbers.histogram.edges[-1]) == (BASE, BASE + 199)
    assert found.correlations.matrix[0][1] == pytest.approx(1)
    assert [(finding.kind, finding.feature) for finding in found.findings] == [
        ("identifier", "id"),
        ("identifier", "n"),
    ]


def test_unix_times_with_a_gap_are_neither_duplicates_nor_constant() -> None:
    times = np.array([None, *range(1764000000, 1764000059)], object)
    found = described("int", t=times)
    assert (found.features[0].missing, found.features[0].numbers.distinct) == (1, 59)
    assert [finding.kind for finding in found.findings] == ["missing", "identifier"]


@settings(max_examples=enough(40, 200), deadline=None)
@given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1), min_size=1, max_size=30))
def test_of_any_integers(values: list[int]) -> None:
    found = measure(np.array(values, np.int64))
    assert found is not None
    assert (found.min, found.max, found.distinct) == (min(values), max(values), len(set(values)))
    spread = max(values) - min(values)
    assert abs(Fraction(found.mean) - Fraction(sum(values), len(values))) <= Fraction(
        abs(max(values, key=abs)), 1 << 51
    )
    assert abs(found.quantiles["0.5"] - median(values)) <= spread / (1 << 50) + 1
    assert sum(found.histogram.counts) == len(values)


@settings(max_examples=enough(40, 200), deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
def test_of_any_doubles(values: list[float]) -> None:
    found = measure(np.array(values))
    assert found is not None
    assert (found.min, found.max, found.distinct) == (min(values), max(values), len(set(values)))
    told = [found.mean, found.std, *found.quantiles.values(), *found.histogram.edges]
    assert all(math.isfinite(figure) for figure in told)
    rounding = 1e-15 * max(map(abs, values))
    assert min(values) - rounding <= found.quantiles["0.5"] <= max(values) + rounding
    assert sum(found.histogram.counts) == len(values)


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_correlations_of_doubles_of_any_size(scale: float) -> None:
    one = np.array([1.0, 2.0, 4.0])
    found = described("float", a=one * scale, b=-one)
    assert found.correlations.matrix[0][1] == pytest.approx(-1)


def test_a_constant_is_told_to_the_last_digit() -> None:
    found = described("int", id=np.array([BASE + 1, BASE + 1]))
    assert found.findings[-1].message == f"every value is {BASE + 1}"


def test_rows_that_differ_in_the_last_bit_are_different_rows() -> None:
    found = described("float", x=np.array([0.1, np.nextafter(0.1, 1)]))
    assert found.findings == []


def test_a_missing_text_is_not_an_empty_one() -> None:
    found = described("text", t=["", None, "a"], u=["x", "x", "y"])
    assert found.features[0].missing == 1
    assert [finding.kind for finding in found.findings] == ["missing"]


def test_booleans_are_counted() -> None:
    found = described("bool", b=np.array([True, None, True, False], object))
    assert (found.features[0].missing, found.features[0].classes) == (1, {"False": 1, "True": 2})


def test_texts_that_begin_alike_keep_their_own_counts() -> None:
    found = described("text", t=["x" * 90 + end for end in "aab"])
    assert found.features[0].text.top == {"x" * 80: 2, "x" * 80 + " (2)": 1}
