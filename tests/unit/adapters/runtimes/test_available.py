"""Runtimes by name: which there are is known without loading any, and each is loaded when it is asked for."""

import subprocess
import sys

import pytest

from bms.adapters.runtimes.available import RUNTIMES, runtime_named
from bms.core.errors import InvalidArgument

FRAMEWORKS = ("onnxruntime", "sklearn", "skops", "xgboost", "lightgbm", "catboost", "torch", "tensorflow", "keras")


def loaded_after(code: str) -> set[str]:
    """The modules of a new process that ran `code`."""
    program = f"import sys\nfrom bms.adapters.runtimes.available import RUNTIMES\n{code}\nprint(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    return set(ran.stdout.split())


def test_names_and_their_number_load_none_and_one_that_is_asked_for_loads_no_other() -> None:
    loaded = loaded_after("assert len(tuple(RUNTIMES)) == len(RUNTIMES) > 10; RUNTIMES['onnx']")
    assert "bms.adapters.runtimes.onnx.runtime" in loaded
    others = ("sklearn", "huggingface", "xgboost", "mlflow", "torch_code", "tensorflow", "keras", "remote")
    assert [name for name in others if f"bms.adapters.runtimes.{name}" in loaded] == []


def test_loading_all_of_them_loads_no_framework() -> None:
    loaded = loaded_after("list(RUNTIMES.values())")
    assert "bms.adapters.runtimes.mlflow.runtime" in loaded
    assert [name for name in FRAMEWORKS if name in loaded] == []


@pytest.mark.parametrize("name", RUNTIMES)
def test_each_has_the_name_that_it_is_found_by_and_is_made_once(name: str) -> None:
    assert RUNTIMES[name].name == name
    assert runtime_named(name) is RUNTIMES[name]


def test_an_unknown_one_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidArgument, match="unknown runtime 'none': use one of onnx, remote, "):
        runtime_named("none")
