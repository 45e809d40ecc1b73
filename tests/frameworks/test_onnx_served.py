"""ONNX, from training to answers over every wire."""

from pathlib import Path

import numpy as np
import pytest

from tests.contract.runtimes.cases.onnx import FRAMEWORK
from tests.framework_env import SKLEARN, made_by
from tests.frameworks.agreement import predicted, serves_alike
from tests.worlds.platforms import RealPlatform

pytestmark = pytest.mark.timeout(600)
MAKER = Path(__file__).with_name("make_onnx.py")


def test_an_exported_graph_answers_as_the_classifier(platform: RealPlatform) -> None:
    made = made_by(MAKER, SKLEARN) / "digits"
    version = serves_alike(platform, made / "model" / "model.onnx", made / "expected.npz", name="digits")
    assert (version.runtime, version.format) == ("onnx", "onnx")
    assert version.environment.requirements == (), "the platform's own environment will do"


def test_columns_of_several_types_answer_as_the_pipeline_also_by_name(platform: RealPlatform) -> None:
    made = FRAMEWORK.artifacts() / "onnx" / "frame"
    serves_alike(platform, made / "model", made / "expected.npz", name="frame")
    with np.load(made / "expected.npz") as expected:
        rows = [{"age": int(expected["age"][0, 0]), "city": str(expected["city"][0, 0])}]
        told = predicted(platform, "frame", {"instances": rows})["predictions"][0]
        assert told["output_label"] == expected["output_label"][0]


def test_probabilities_of_several_targets_answer_as_the_classifier(platform: RealPlatform) -> None:
    for name in ("targets", "targets_apart"):
        made = FRAMEWORK.artifacts() / "onnx" / name
        serves_alike(platform, made / "model", made / "expected.npz", name=name.replace("_", "-"))


def test_a_versions_page_says_what_keeps_it_in(platform: RealPlatform) -> None:
    made = made_by(MAKER, SKLEARN) / "digits"
    platform.good("model", "push", str(made / "model"), "--name", "shown")
    page = platform.good("model", "show", "shown", "1", "--json").json
    assert isinstance(page, dict)
    status = platform.good("status", "--json").json
    assert isinstance(status, dict)
    assert page["isolation"]["level"] == status["system"]["isolation"]["level"]
    assert {each["name"] for each in page["isolation"]["protections"]} >= {"files", "network", "memory limit"}
    assert f"{page['isolation']['level']} (" in platform.good("model", "show", "shown", "1").out
