"""The evaluation task from a CSV and an ONNX file to metrics: what a gate measures does not depend on any order."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from bms.app.tasks import evaluate, import_dataset
from bms.app.tasks.verify import main as verify
from bms.core.errors import FailedPrecondition
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec, column_spec
from bms.core.workloads.programs import StdinSecrets
from tests.tiny_onnx import classifies

SPLIT = {"train": 0.5, "test": 0.5}


class Job:
    """What the harness hands a task."""

    def __init__(self, parameters: dict[str, Any], inputs: dict[str, Path], output: Path) -> None:
        self.parameters = parameters
        self.inputs = inputs
        self.output = output
        self.sealed = StdinSecrets()
        self.figures: dict[str, float] = {}
        self.message = ""

    def progress(self, fraction: float, message: str = "") -> None:
        self.message = message

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        self.figures[name] = value

    def metrics(self, values: dict[str, float]) -> None:
        self.figures.update(values)


def imported(folder: Path, text: str, label: str) -> Path:
    source = folder / "rows.csv"
    source.write_text(text)
    output = folder / "data"
    output.mkdir()
    parameters = {"format": "csv", "label": label, "split": SPLIT}
    import_dataset.main(Job(parameters, {"source": source}, output))
    return output


def artifact(folder: Path, content: bytes) -> Path:
    folder.mkdir()
    (folder / "model.onnx").write_bytes(content)
    return folder


def measured(folder: Path, content: bytes, data: Path, **servable: Any) -> tuple[Job, dict[str, Any]]:
    given = {"runtime": "onnx", "directory": "", "model": "m", "version": 1, **servable}
    inputs = {"artifact": artifact(folder / f"model{len(list(folder.iterdir()))}", content), "data": data}
    job = Job({"servable": given, "split": "test"}, inputs, folder)
    return job, evaluate.main(job)


@pytest.fixture
def yes_no(tmp_path: Path) -> Path:
    """The answer is "yes" where x is above zero; imported, the classes are no and yes."""
    rows = "\n".join(f"{number / 8 - 2.5},{'yes' if number > 20 else 'no'}" for number in range(40))
    return imported(tmp_path, f"x,answer\n{rows}\n", "answer")


ABOVE, BELOW = [9.0, -9.0], [-9.0, 9.0]  # the first class where x is above zero, or below


def test_a_model_that_answers_the_wrong_name_measures_0_and_one_that_answers_the_right_one_1(
    tmp_path: Path, yes_no: Path
) -> None:
    wrong, _ = measured(tmp_path, classifies([BELOW], ["yes", "no"]), yes_no)
    assert wrong.figures["accuracy"] == 0
    right, report = measured(tmp_path, classifies([ABOVE], ["yes", "no"]), yes_no)
    assert right.figures["accuracy"] == 1
    assert report["joined"] == ("columns by name: 'x'", "output 'probabilities'", "classes by name: 'no', 'yes'")
    assert right.message == "20 rows; " + "; ".join(report["joined"])


def test_a_model_without_names_is_not_held_against_names(tmp_path: Path, yes_no: Path) -> None:
    with pytest.raises(FailedPrecondition, match=r"'no', 'yes'.*'0', '1'.*no names.*--label"):
        measured(tmp_path, classifies([ABOVE]), yes_no)


def test_a_perfect_model_of_more_classes_than_the_data_measures_1(tmp_path: Path) -> None:
    rows = "\n".join(f"{(-1) ** number * (number + 1)},{('cherry', 'apple')[number % 2]}" for number in range(40))
    data = imported(tmp_path, f"x,fruit\n{rows}\n", "fruit")
    job, _ = measured(tmp_path, classifies([[-1.0, 0.0, 1.0]], ["apple", "banana", "cherry"]), data)
    assert job.figures["accuracy"] == 1


def test_columns_without_names_are_taken_by_place_only_where_their_number_is_right(tmp_path: Path) -> None:
    rows = "\n".join(f"{number % 5},{number - 20},{int(number > 20)}" for number in range(40))
    data = imported(tmp_path, f"a,b,above\n{rows}\n", "above")
    job, report = measured(tmp_path, classifies([[0, 0], [-1, 1]]), data)
    assert job.figures["accuracy"] == 1
    assert "by place, the columns 'a', 'b'" in report["joined"][0]
    assert "by number" in report["joined"][-1]
    with pytest.raises(FailedPrecondition, match=r"\[-1, 3\].*2 wide.*'a' int, 'b' int"):
        measured(tmp_path, classifies([[0, 0], [0, 0], [-1, 1]]), data)


CODE = """
import numpy as np


class Model:
    def predict(self, inputs):
        rich = inputs["income"] > inputs["age"]
        unknown = inputs.get("city:missing", np.zeros(len(rich), bool))
        return {"label": [b"rich" if one else b"poor" for one in rich], "known": ~unknown}
"""


def test_a_table_gets_its_columns_by_name_with_what_is_missing(tmp_path: Path) -> None:
    rows = "\n".join(f"{number},{number % 7},,{3.5},{'rich' if number % 7 < 3.5 else 'poor'}" for number in range(40))
    data = imported(tmp_path, f"id,age,note,income,class\n{rows}\n", "class")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "model.py").write_text(CODE)
    table = (column_spec("income", "number"), column_spec("age", "integer"), column_spec("city", "text", optional=True))
    signature = Signature(inputs=table, outputs=(TensorSpec(name="label", dtype="BYTES", shape=(None,)),))
    given = {"runtime": "python", "directory": "", "model": "m", "version": 1}
    servable = {**given, "signatures": {DEFAULT: msgspec.to_builtins(signature)}}
    job = Job({"servable": servable, "split": "test"}, {"artifact": tmp_path / "code", "data": data}, tmp_path)
    report = evaluate.main(job)
    assert job.figures == {
        **dict.fromkeys(("balanced_accuracy", "precision", "recall", "f1", "mcc"), 1.0),
        "accuracy": 1.0,
    }
    assert report["joined"] == (
        "columns by name: 'income', 'age'",
        "columns that the model does not take: 'id', 'note'",
        "columns without values: 'city'",
        "output 'label'",
        "classes by the names that the model answers: 'poor', 'rich'",
    )


def test_a_label_too_many_is_refused_when_a_version_is_verified(tmp_path: Path) -> None:
    inputs = {"artifact": artifact(tmp_path / "model", classifies([ABOVE]))}
    given = {"runtime": "onnx", "directory": "", "model": "m", "version": 1}
    with pytest.raises(FailedPrecondition, match="3 labels"):
        verify(Job({"servable": given, "labels": ["no", "yes", "maybe"]}, inputs, tmp_path))
    verify(Job({"servable": given, "labels": ["no", "yes"]}, inputs, tmp_path))
