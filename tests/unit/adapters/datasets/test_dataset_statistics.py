"""Statistics against NumPy's own answers, and the findings a careful person would make."""

import msgspec
import numpy as np
import pytest

from bms.adapters.datasets.images.pictures import encode_png
from bms.adapters.datasets.quality import DatasetFinding, inspect
from bms.adapters.datasets.schema import ColumnSchema, TableSchema
from bms.adapters.datasets.statistics import Statistics, describe
from bms.adapters.datasets.table import Column, Table, table_of


def table(**columns: Column) -> Table:
    features = []
    for name, column in columns.items():
        if isinstance(column, np.ndarray):
            kind = (
                "float"
                if column.dtype.kind == "f"
                else "bool"
                if any(cell is True for cell in column.tolist())
                else "int"
            )
            features.append(ColumnSchema(name=name, kind=kind, shape=column.shape[1:]))  # type: ignore[arg-type]
        else:
            features.append(ColumnSchema(name=name, kind="image" if isinstance(column[0], bytes) else "text"))
    return table_of(TableSchema(features=tuple(features)), columns)


def floats(*values: float) -> Column:
    return np.array(values, np.float32)


def test_numbers_are_described_as_numpy_does() -> None:
    values = np.random.default_rng(0).gamma(2, 3, 1000).astype(np.float32)
    with_gaps = values.copy()
    with_gaps[:10] = np.nan
    with_gaps[10] = np.inf
    rest = with_gaps[11:].astype(np.float64)
    found = describe(table(x=with_gaps), None, {}).features[0]
    assert found.missing == 10
    numbers = found.numbers
    assert numbers is not None
    assert numbers.infinite == 1
    assert (numbers.min, numbers.max) == (rest.min(), rest.max())
    assert numbers.mean == pytest.approx(rest.mean())
    assert numbers.std == pytest.approx(rest.std())
    assert numbers.quantiles["0.5"] == pytest.approx(np.median(rest))
    assert numbers.distinct == len(set(rest.tolist()))
    assert sum(numbers.histogram.counts) == len(rest)
    assert len(numbers.histogram.edges) == 21


@pytest.mark.parametrize(
    "column",
    [
        floats(5, 5, 5),
        np.array([1 << 62, (1 << 62) + 1]),
        floats(1e-45, 0),
        floats(-3e38, 3e38),
        np.array([], np.float32),
        floats(float("nan"), float("nan")),
    ],
    ids=["constant", "beyond float64", "tiny", "huge", "none", "all missing"],
)
def test_no_column_breaks_the_description(column: Column) -> None:
    described = describe(table(x=column, y=column), None, {"train": np.arange(len(column))})
    numbers = described.features[0].numbers
    if numbers is not None:
        assert sum(numbers.histogram.counts) == len(column)
    assert msgspec.json.decode(msgspec.json.encode(described), type=Statistics) == described


def test_correlations_are_pearsons_and_null_for_constants() -> None:
    generator = np.random.default_rng(1)
    one = generator.standard_normal(500).astype(np.float32)
    other = (one * 2 + generator.standard_normal(500)).astype(np.float32)
    constant = np.full(500, 0.1, np.float32)
    gaps = other.copy()
    found = describe(table(a=one, b=other, c=constant, d=gaps), None, {}).correlations
    assert found is not None
    expected = float(np.corrcoef(one.astype(np.float64), other.astype(np.float64))[0, 1])
    assert found.matrix[0][1] == pytest.approx(expected)
    assert found.matrix[0][0] == pytest.approx(1)
    assert found.matrix[1][3] == pytest.approx(1)
    assert found.matrix[2] == [None] * 4


def test_a_matrix_that_helps_nobody_is_left_out() -> None:
    columns = {f"x{number}": floats(1, 2) for number in range(65)}
    assert describe(table(**columns), None, {}).correlations is None
    assert describe(table(x=floats(1, 2)), None, {}).correlations is None


def test_texts_images_and_classes_are_counted() -> None:
    images = [encode_png(np.zeros(shape, np.uint8)) for shape in ((2, 3), (2, 3), (4, 4))]
    described = describe(
        _mixed(images),
        "label",
        {"train": np.array([0, 2]), "test": np.array([1])},
    )
    text, image, label = described.features
    assert text.missing == 1
    assert text.text is not None
    assert text.text.top == {"x": 2}
    assert image.images is not None
    assert image.images.sizes == {"2x3x1": 2, "4x4x1": 1}
    assert image.images.formats == {"png": 3}
    assert image.images.total_bytes == sum(map(len, images))
    assert label.classes == {"a": 1, "b": 2, "c": 0}
    assert described.splits == {"train": {"a": 0, "b": 2, "c": 0}, "test": {"a": 1, "b": 0, "c": 0}}


def _mixed(images: list[bytes]) -> Table:
    features = (
        ColumnSchema(name="t", kind="text"),
        ColumnSchema(name="image", kind="image"),
        ColumnSchema(name="label", kind="label", labels=("a", "b", "c")),
    )
    return table_of(
        TableSchema(features=features), {"t": ["x", None, "x"], "image": images, "label": np.array([1, 0, 1])}
    )


def labelled(values: list[float], labels: list[int], classes: tuple[str, ...] = ("a", "b")) -> Table:
    features = (ColumnSchema(name="x", kind="float"), ColumnSchema(name="y", kind="label", labels=classes))
    return table_of(TableSchema(features=features), {"x": floats(*values), "y": np.array(labels)})


def kinds(findings: list[DatasetFinding]) -> list[str]:
    return [finding.kind for finding in findings]


class TestFindings:
    def test_a_good_table_has_none(self) -> None:
        values = np.random.default_rng(2).standard_normal(200).tolist()
        assert inspect(labelled(values, [n % 2 for n in range(200)]), "y", {"train": np.arange(200)}) == []

    def test_repeated_rows(self) -> None:
        found = inspect(labelled([1, 2, 1, 1], [0, 1, 0, 0]), "y", {"train": np.arange(4)})
        assert kinds(found) == ["duplicates"]
        assert found[0].count == 2
        assert "the first: row 1 and row 3" in found[0].message

    def test_a_row_in_two_splits_is_a_leak(self) -> None:
        splits = {"train": np.array([0, 1]), "test": np.array([2, 3])}
        found = inspect(labelled([1, 2, 1, 3], [0, 1, 0, 1]), "y", splits)
        assert kinds(found) == ["duplicates", "leak"]
        assert found[1].count == 1

    def test_one_row_with_two_labels_is_a_contradiction(self) -> None:
        assert kinds(inspect(labelled([1, 1], [0, 1]), "y", {"train": np.arange(2)}))[:2] == [
            "duplicates",
            "contradiction",
        ]

    def test_classes_out_of_balance(self) -> None:
        found = inspect(labelled(np.arange(12.0).tolist(), [0] * 11 + [1]), "y", {})
        assert [(f.kind, f.feature) for f in found] == [("imbalance", "y")]
        assert "class 'a' has 11 rows, class 'b' 1" in found[0].message
        assert "imbalance" in kinds(inspect(labelled([1, 2], [0, 0]), "y", {}))

    @pytest.mark.parametrize(
        ("column", "expected"),
        [
            (floats(1, 1, 1), ["constant"]),
            (floats(1, float("nan"), 2), ["missing"]),
            (floats(1, float("inf"), 2), ["infinite"]),
            (floats(*range(200), 1e9), ["outliers"]),
            (np.arange(100, 130), ["identifier"]),
            (["=cmd|' /C calc'!A0", "fine", "x"], ["formula"]),
            ([None, "fine", "x"], ["missing"]),
            (np.array([7, None, 9], object), ["missing"]),
            (np.array([True, True, None], object), ["missing", "constant"]),
            (["same", "same", "same"], ["constant"]),
        ],
        ids=[
            "constant",
            "missing",
            "infinite",
            "outlier",
            "identifier",
            "formula",
            "missing text",
            "missing integer",
            "constant booleans",
            "constant text",
        ],
    )
    def test_each_suspicious_column(self, column: Column, expected: list[str]) -> None:
        unique = np.random.default_rng(3).standard_normal(len(column)).astype(np.float32)
        found = inspect(table(x=column, unique=unique), None, {})
        assert [(finding.kind, finding.feature) for finding in found] == [(kind, "x") for kind in expected]
