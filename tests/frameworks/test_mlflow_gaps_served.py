"""An MLflow model whose answers lack values, asked by many at once over several wires."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.contract.runtimes.cases.mlflow import FRAMEWORK
from tests.framework_env import framework_python
from tests.frameworks.agreement import asked, predicted
from tests.frameworks.several import Several, several

MAKES = """
import sys, mlflow.pyfunc, pandas as pd
from mlflow.models import infer_signature

class Answers(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        words = model_input["w"]
        gone = (words == "none").to_numpy()
        whole = pd.Series([2**53 + 1] * len(words), dtype="Int64").mask(gone)
        return pd.DataFrame({"label": [None if w == "none" else w.upper() for w in words], "whole": whole})

signature = infer_signature(pd.DataFrame({"w": ["a"]}))
packages = ["mlflow-skinny==3.17.2", "pandas", "cloudpickle"]
mlflow.pyfunc.save_model(sys.argv[1], python_model=Answers(), signature=signature, pip_requirements=packages)
"""
WHOLE = 2**53 + 1
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Several]:
    place = tmp_path_factory.mktemp("gaps") / "model"
    command = [framework_python(FRAMEWORK.environment), "-c", MAKES, str(place)]
    subprocess.run(command, check=True, capture_output=True, timeout=120, cwd=Path(place).parent)
    with several(request, {"gaps": place}, FRAMEWORK.environment, ("gaps",)) as answering:
        yield answering


def row(word: str) -> dict[str, Any]:
    gone = word == "none"
    return {"label": None if gone else word.upper(), "whole": None if gone else WHOLE}


def test_each_of_many_callers_gets_mlflows_answer_whoever_else_is_asking(served: Several) -> None:
    def invoked(words: list[str]) -> Any:
        return asked(served, "/endpoints/gaps/invocations", {"dataframe_records": [{"w": word} for word in words]})

    bodies = [["a"], ["none"], ["b", "none"], ["c"]] * 12
    with ThreadPoolExecutor(16) as callers:
        for words, told in zip(bodies, callers.map(invoked, bodies), strict=True):
            assert told == (200, {"predictions": [row(word) for word in words]})


def test_other_protocols_have_a_mask_where_something_is_missing_and_there_alone(served: Several) -> None:
    def told(word: str) -> Any:
        return predicted(served, "gaps", {"instances": [{"w": word}]})["predictions"]

    def both(word: str) -> list[Any]:
        with ThreadPoolExecutor(8) as callers:
            return list(callers.map(told, [word, "none"] * 8))[::2]

    masked = {"label": "", "label:missing": True, "whole": 0, "whole:missing": True}
    assert told("none") == [masked]
    assert both("a") == [[{"label": "A", "whole": WHOLE}]] * 8
