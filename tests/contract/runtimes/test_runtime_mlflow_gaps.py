"""Missing values of an MLflow model's answers: what MLflow's own server writes, whatever else was asked before. Run by
`test_runtime_environments.py`."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mlflow", reason="MLflow is in an environment of its own")

import mlflow.pyfunc
import pandas as pd
from mlflow.models import infer_signature
from mlflow.pyfunc.scoring_server import predictions_to_json

from bms.adapters.runtimes.available import open_servable
from bms.core.errors import Internal
from bms.core.tensors.columns import mask_name
from bms.core.tensors.tensor import Tensor
from bms.core.workloads.programs import ServableConfig
from bms.serving.lifecycle.servable import Servable

BIG = 2**53 + 1  # which no float64 is


def frame(words: list[str]) -> Any:
    gone = np.array([word == "none" for word in words])
    return pd.DataFrame(
        {
            "label": [None if lost else word.upper() for word, lost in zip(words, gone, strict=True)],
            "flag": [None if lost else True for lost in gone],
            "whole": pd.Series([BIG] * len(words), dtype="Int64").mask(gone),
            "count": [None if lost else 7 for lost in gone],
            "number": [None if lost else 1.5 for lost in gone],
            "text": pd.Series(list(words), dtype="string").mask(gone),
            "truth": pd.Series([True] * len(words), dtype="boolean").mask(gone),
        }
    )


def texts(words: list[str]) -> Any:
    return [None if word == "none" else word.upper() for word in words]


def nested(words: list[str]) -> Any:
    return pd.DataFrame({"of": [pd.NA if word == "none" else {"word": word, "of": pd.NA} for word in words]})


def mixed(words: list[str]) -> Any:
    return {"of": [{"a": 1} if word == "none" else 1 for word in words]}


def saved(folder: Path, answer: Any) -> Servable:
    class Answers(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            return answer(list(model_input["w"]))

    place = str(folder / "model")
    signature = infer_signature(pd.DataFrame({"w": ["a"]}))
    mlflow.pyfunc.save_model(place, python_model=Answers(), signature=signature, pip_requirements=["cloudpickle"])
    return open_servable(ServableConfig(runtime="mlflow", directory=place, model="m", version=1, allow_pickle=True))


def asked(servable: Servable, words: list[str]) -> dict[str, Any]:
    return dict(servable.infer("serving_default", {"w": np.array([word.encode() for word in words], dtype=object)}))


def read(servable: Servable, words: list[str]) -> Any:
    """The answer as values of Python, None where its mask says so, in MLflow's form."""
    told, predicted = asked(servable, words), servable.signatures["serving_default"].predicted
    assert predicted is not None
    columns: dict[str, list[Any]] = {}
    for spec in servable.signatures["serving_default"].outputs:
        values = told[spec.name].tolist()
        if spec.dtype == "BYTES":
            values = [json.loads(one) if spec.name in predicted.nested else one.decode() for one in values]
        gaps = told.get(mask_name(spec.name), np.zeros(len(values), dtype=bool)).tolist()
        columns[spec.name] = [None if gap else one for one, gap in zip(values, gaps, strict=True)]
    if predicted.form == "records":
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return columns if predicted.form == "columns" else columns["output"]


def mlflows(value: Any) -> Any:
    written = io.StringIO()
    predictions_to_json(value, written)
    return json.loads(written.getvalue())["predictions"]


def with_null(value: Any) -> Any:
    """MLflow writes NaN or null for the same missing number, depending on the rows beside it."""
    if isinstance(value, list):
        return [with_null(one) for one in value]
    if isinstance(value, dict):
        return {name: with_null(one) for name, one in value.items()}
    return None if isinstance(value, float) and np.isnan(value) else value


@pytest.mark.parametrize("answer", [frame, texts])
def test_a_missing_value_is_null_and_changes_no_other_answer(answer: Any, tmp_path: Path) -> None:
    servable = saved(tmp_path, answer)
    signature = servable.signatures["serving_default"]
    for words in (["a"], ["none"], ["a"], ["a", "none", "b"], ["none", "none"], ["b"]):
        assert with_null(read(servable, words)) == with_null(mlflows(answer(words))), words
        told = asked(servable, words)
        for spec in signature.outputs:
            assert Tensor(spec.name, told[spec.name]).dtype == spec.dtype
            gaps = told.get(mask_name(spec.name))
            expected = [word == "none" for word in words] if spec.dtype != "FP64" and "none" in words else None
            assert (None if gaps is None else gaps.tolist()) == expected
    assert signature.predicted is not None
    assert signature.predicted.nested == ()


def test_types_are_those_of_the_answer_without_gaps(tmp_path: Path) -> None:
    outputs = saved(tmp_path, frame).signatures["serving_default"].outputs
    types = ["BYTES", "BOOL", "INT64", "INT64", "FP64", "BYTES", "BOOL"]
    assert [spec.dtype for spec in outputs] == types


def test_nested_values_may_be_missing_too(tmp_path: Path) -> None:
    servable = saved(tmp_path, nested)
    for words in (["a"], ["none"], ["a", "none"]):
        expected = [{"of": None if word == "none" else {"word": word, "of": None}} for word in words]
        assert read(servable, words) == expected


def test_an_answer_of_another_kind_fails_alone(tmp_path: Path) -> None:
    servable = saved(tmp_path, mixed)
    assert read(servable, ["a"]) == {"of": [1]}
    with pytest.raises(Internal, match="output 'of' is not INT64, which it was when the model was tried"):
        read(servable, ["a", "none"])
    assert read(servable, ["a", "b"]) == {"of": [1, 1]}
