"""Which output is held against the label, and what comes of it; how all rows are run."""

import math

import numpy as np
import pytest

from bms.adapters.datasets.manifest import Manifest
from bms.adapters.datasets.schema import ColumnSchema, TableSchema
from bms.app.tasks.evaluation.feeding import Fed
from bms.app.tasks.evaluation.measuring import measured
from bms.app.tasks.evaluation.running import ROWS, answers, run_all
from bms.app.tasks.evaluation.target import TrueClasses, target_of
from bms.core.errors import FailedPrecondition
from bms.core.tensors.columns import mask_name
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec, column_spec
from bms.core.tensors.tensor import Array
from tests.servables import FunctionServable

PLAIN = Signature(inputs=())
SCORED = Signature(inputs=(), method="classify", scores="p", labels=("yes", "no"))


def classes(*rows: str) -> TrueClasses:
    names = tuple(sorted(set(rows)))
    return TrueClasses("y", names, np.array([names.index(row) for row in rows]), True)


def quantities(*rows: float) -> TrueClasses:
    manifest = Manifest(schema=TableSchema(features=(ColumnSchema(name="y", kind="float"),)), splits={}, label="y")
    return target_of(manifest, np.array(rows))


def texts(*values: str) -> Array:
    array = np.empty(len(values), dtype=object)
    array[:] = [value.encode() for value in values]
    return array


def figures(outputs: dict[str, Array], target: TrueClasses, *names: str) -> tuple[float, ...]:
    metrics = measured(PLAIN, outputs, target).metrics
    return tuple(metrics[name] for name in names)


def test_scores_measure_accuracy_and_log_loss_by_name() -> None:
    found = measured(SCORED, {"p": np.array([[0.8, 0.2], [0.8, 0.2]])}, classes("yes", "no"))
    assert (found.metrics["accuracy"], found.metrics["log_loss"]) == pytest.approx(
        (0.5, -(math.log(0.8) + math.log(0.2)) / 2)
    )
    assert found.notes == ("output 'p'", "classes by name: 'no', 'yes'")


def test_an_answered_class_measures_what_needs_no_scores() -> None:
    outputs = {"margin": np.array([0.1, 0.2]), "label": texts("no", "yes")}
    found = measured(PLAIN, outputs, classes("no", "no"))
    assert found.metrics["accuracy"] == 0.5
    assert found.undefined == dict.fromkeys(("roc_auc", "log_loss"), "the model gives no scores of its classes")
    assert measured(PLAIN, {"answer": np.array([1, 0])}, classes("1", "0")).metrics["accuracy"] == 1.0


def test_the_class_that_is_answered_counts_and_not_the_best_score_of_another_output() -> None:
    """A threshold of 0.9: the model answers no unless it is sure."""
    scores = np.array([[0.8, 0.2], [0.95, 0.05]])
    found = measured(SCORED, {"p": scores, "label": texts("no", "yes")}, classes("yes", "yes"))
    assert found.metrics["accuracy"] == 0.5
    assert found.metrics["log_loss"] == pytest.approx(-(math.log(0.8) + math.log(0.95)) / 2)
    assert found.notes == ("output 'label', and the scores 'p'", "classes by name: 'yes'")


def test_scores_that_are_no_probabilities_have_no_log_loss() -> None:
    truth = classes("yes", "no")
    margins = measured(SCORED, {"p": np.array([[3.0, -3.0], [-1.0, 1.0]])}, truth)
    assert margins.metrics["roc_auc"] == 1.0
    assert margins.undefined == {"log_loss": "the model's scores are no probabilities: they reach from -3 to 3"}
    assert "row 1 add up to 0.5" in measured(SCORED, {"p": np.array([[1, 0], [0, 0.5]])}, truth).undefined["log_loss"]
    alone = measured(SCORED, {"p": np.array([[1.0, 0.0]])}, TrueClasses("y", ("no", "yes"), np.array([1]), True))
    assert alone.undefined == {"roc_auc": "no row is of 'no'"}


def test_a_quantity_is_the_output_of_the_labels_name_or_the_only_one() -> None:
    outputs = {"sigma": np.array([9.0, 9.0]), "y": np.array([[1.0], [2.0]]), "all": np.zeros((2, 5))}
    assert figures(outputs, quantities(1, 3), "rmse", "r2") == pytest.approx((math.sqrt(0.5), 0.5))
    assert figures({"mean": outputs["y"]}, quantities(1, 2), "rmse", "r2") == (0.0, 1.0)
    with pytest.raises(FailedPrecondition, match=r"'sigma' float64.*'mean' float64"):
        measured(PLAIN, {"sigma": outputs["sigma"], "mean": outputs["y"]}, quantities(1, 2))
    with pytest.raises(FailedPrecondition, match="one output with a number a row"):
        measured(PLAIN, {"all": outputs["all"]}, quantities(1, 2))


def test_a_quantity_of_few_values_is_compared_with_the_numbers_that_its_classes_are_called() -> None:
    """A whole number with few different values is imported as classes."""
    regress = Signature(inputs=(), method="regress")
    found = measured(regress, {"prediction": np.array([100.0, 900.0, 1000.0])}, classes("100", "900", "1000"))
    assert (found.metrics["rmse"], found.metrics["r2"]) == (0.0, 1.0)
    with pytest.raises(FailedPrecondition, match="are not: 'no', 'yes'"):
        measured(regress, {"prediction": np.array([0.0, 1.0])}, classes("no", "yes"))


def test_one_row_has_no_r2_and_an_error_beyond_all_numbers_is_infinite() -> None:
    one = measured(PLAIN, {"p": np.array([2.0])}, quantities(1.0))
    assert (one.metrics["mae"], one.undefined) == (1.0, {"r2": "it takes two rows"})
    assert figures({"p": np.array([1e200, 1.0])}, quantities(1.0, 2.0), "rmse") == (math.inf,)


def test_predictions_that_are_no_numbers_have_no_error() -> None:
    with pytest.raises(FailedPrecondition, match="'p' is nan in 1 of 2 rows"):
        measured(PLAIN, {"p": np.array([1.0, np.nan])}, quantities(1, 2))


def test_a_label_is_told_by_its_values() -> None:
    schema = TableSchema(features=(ColumnSchema(name="y", kind="int"),))
    many = target_of(Manifest(schema=schema, splits={}, label="y"), np.array([500, 7, 500]))
    assert (many.names, many.codes.tolist(), many.classes) == (("7", "500"), [1, 0, 1], False)
    assert many.numbers().tolist() == [500, 7, 500]
    with pytest.raises(FailedPrecondition, match=r"row 1 has no label \(column 'y'\)"):
        quantities(1.0, float("nan"))
    shaped = TableSchema(features=(ColumnSchema(name="y", kind="float", shape=(2,)),))
    with pytest.raises(FailedPrecondition, match=r"float \[2\]"):
        target_of(Manifest(schema=shaped, splits={}, label="y"), np.zeros((1, 2)))


def _fed(signature: Signature, **inputs: Array) -> Fed:
    return Fed(DEFAULT, signature, inputs, len(next(iter(inputs.values()))), ())


def test_all_rows_are_run_in_parts_and_their_masks_where_they_say_something() -> None:
    seen: list[set[str]] = []

    def function(inputs: dict[str, Array]) -> dict[str, Array]:
        seen.append(set(inputs))
        return {"n": inputs["n"]}

    table = Signature(inputs=(column_spec("n", "integer"),))
    numbers = np.arange(ROWS + 1)
    gaps = numbers == ROWS
    told: list[str] = []
    given = _fed(table, **{"n": numbers, mask_name("n"): gaps})
    outputs = run_all(FunctionServable(function, {DEFAULT: table}), given, lambda _, message: told.append(message))
    assert outputs["n"].tolist() == numbers.tolist()
    assert seen == [{"n"}, {"n", "n:missing"}]
    assert told[-1] == f"{ROWS + 1} of {ROWS + 1} rows"


def test_a_model_whose_rows_depend_on_their_company_is_run_row_by_row() -> None:
    alone = Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=(1, 2)),), batched=False)
    servable = FunctionServable(lambda inputs: {"y": inputs["x"]}, {DEFAULT: alone})
    run_all(servable, _fed(alone, x=np.zeros((3, 2), np.float32)), lambda _, __: None)
    assert servable.runs == [1, 1, 1]


def test_an_output_without_an_answer_a_row_is_refused() -> None:
    servable = FunctionServable(lambda inputs: {"y": np.zeros(1)})
    with pytest.raises(FailedPrecondition, match=r"shape \[1\] for 3 rows"):
        run_all(servable, _fed(PLAIN, x=np.zeros((3, 2), np.float32)), lambda _, __: None)


def test_rows_are_asked_in_another_order_and_answered_in_their_own() -> None:
    seen: list[list[float]] = []

    def function(inputs: dict[str, Array]) -> dict[str, Array]:
        seen.append(inputs["x"][:, 0].tolist())
        return {"y": inputs["x"][:, 0] * 2}

    x = np.arange(100, dtype=np.float64)[:, None]
    outputs = answers(FunctionServable(function), _fed(PLAIN, x=x), lambda _, __: None, np.random.default_rng(0))
    assert outputs["y"].tolist() == (x[:, 0] * 2).tolist()
    assert sorted(seen[0]) == x[:, 0].tolist() != seen[0]
    assert sorted(row for company in seen[1:] for row in company) == x[:, 0].tolist(), "each again, in small companies"


@pytest.mark.parametrize(("rows", "refused"), [((3.0,), False), ((3.0, 4.0), True)])
def test_a_class_on_a_scores_last_digit_may_be_another_once(rows: tuple[float, ...], refused: bool) -> None:
    def function(inputs: dict[str, Array]) -> dict[str, Array]:
        x = inputs["x"][:, 0]
        few = len(x) < 100
        return {"y": x + 1e-7 * few, "label": np.where(np.isin(x, rows) & few, 1, 0)}

    given = _fed(PLAIN, x=np.arange(100, dtype=np.float64)[:, None])

    def ask() -> dict[str, Array]:
        return answers(FunctionServable(function), given, lambda _, __: None, np.random.default_rng(0))

    if not refused:
        assert ask()["label"].tolist() == [0] * 100
        return
    with pytest.raises(FailedPrecondition, match=r"output 'label' of row [34] is 0 among all rows, and 1 asked"):
        ask()


def test_a_row_of_one_row_a_call_is_asked_again_in_another_order() -> None:
    alone = Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=(1, 1)),), batched=False)
    last = [0.0]

    def before(inputs: dict[str, Array]) -> dict[str, Array]:
        told = {"y": np.array([last[0]])}
        last[0] = float(inputs["x"][0, 0])
        return told

    given = _fed(alone, x=np.arange(20, dtype=np.float64)[:, None])
    with pytest.raises(FailedPrecondition, match="what was asked before"):
        answers(FunctionServable(before, {DEFAULT: alone}), given, lambda _, __: None, np.random.default_rng(0))
