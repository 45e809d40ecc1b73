"""LightGBM's own: what is refused, and how its outputs are named. Run by `test_runtime_environments.py`."""

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("lightgbm", reason="LightGBM is in an environment of its own")

from bms.adapters.runtimes.available import open_servable
from bms.adapters.runtimes.lightgbm_file import check_model
from bms.core.errors import FailedPrecondition
from bms.core.programs import ServableConfig
from tests.contract.runtimes.cases_lightgbm import FRAMEWORK
from tests.contract.runtimes.torn_files import torn

DIGITS = FRAMEWORK.artifacts() / "digits" / "model" / "model.txt"


def config(folder: Path) -> ServableConfig:
    return ServableConfig(runtime="lightgbm", directory=str(folder), model="m", version=1)


@pytest.mark.parametrize(
    ("name", "outputs", "method"),
    [
        ("digits", {"probabilities": (None, 10), "label": (None,)}, "classify"),
        ("odd", {"probabilities": (None, 2), "label": (None,)}, "classify"),
        ("sum", {"prediction": (None,)}, "regress"),
        ("ranking", {"prediction": (None,)}, "regress"),
    ],
)
def test_outputs_are_named_as_those_of_scikit_learn(name: str, outputs: dict[str, object], method: str) -> None:
    signature = open_servable(config(FRAMEWORK.artifacts() / name / "model")).signatures["serving_default"]
    assert [(spec.name, spec.dtype, spec.shape) for spec in signature.inputs] == [("x", "FP32", (None, 64))]
    assert {spec.name: spec.shape for spec in signature.outputs} == outputs
    assert signature.method == method


def test_scikit_learn_is_not_needed() -> None:
    with pytest.raises(ImportError):
        import sklearn  # noqa: F401
    assert open_servable(config(DIGITS.parent)).infer("serving_default", {"x": np.zeros((1, 64), np.float32)})


def test_the_library_itself_believes_a_file_that_is_cut_off() -> None:
    """Why files are looked at before."""
    import lightgbm

    assert lightgbm.Booster(model_str=DIGITS.read_text().partition("\ntree_sizes")[0]).num_feature() == 64


@pytest.mark.parametrize(
    ("found", "instead", "says"),
    [
        (r"left_child=\d+", "left_child=0", "leads to none that comes after it"),
        (r"right_child=-\d+", "right_child=-99", "leads to none that comes after it"),
        (r"split_feature=\d+", "split_feature=64", "asks for a feature that there is not"),
        (r"split_feature=\d+", "split_feature=-1", "asks for a feature that there is not"),
        (r"num_leaves=\d+", "num_leaves=70", "leaves are not as many"),
        (r"threshold=\S+ ", "threshold=", "nodes are not as many"),
        (r"max_feature_idx=63", "max_feature_idx=5", "asks for a feature that there is not"),
        (r"end of trees", "", "'end of trees' is missing"),
        (r"Tree=3\n", "", "header's numbers"),
        (r"num_tree_per_iteration=10", "num_tree_per_iteration=7", "header's numbers"),
        (r"version=v4", "version=w4", "its content is none"),
    ],
)
def test_trees_that_are_none_are_refused(tmp_path: Path, found: str, instead: str, says: str) -> None:
    broken, times = re.subn(found, instead, DIGITS.read_text(), count=1)
    assert times == 1
    (tmp_path / "model.txt").write_text(broken)
    with pytest.raises(FailedPrecondition, match=says):
        open_servable(config(tmp_path))


def test_categories_that_are_not_there_are_refused() -> None:
    content = (FRAMEWORK.artifacts() / "category" / "model" / "model.txt").read_bytes()
    assert check_model(content, "model.txt").features == 65
    for found, instead in (
        (rb"cat_boundaries=0 \d+", rb"cat_boundaries=0 900"),
        (rb"cat_threshold=\d+", b"cat_threshold="),
    ):
        broken, times = re.subn(found, instead, content, count=1)
        assert times == 1
        with pytest.raises(FailedPrecondition, match="categories"):
            check_model(broken, "model.txt")


def test_torn_files_are_refused_and_none_hangs(tmp_path: Path) -> None:
    torn("lightgbm", DIGITS, tmp_path)
