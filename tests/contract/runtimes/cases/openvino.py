"""OpenVINO IR models for the runtimes' contract."""

from tests.contract.runtimes.runtime_cases import MAKERS, Case, Framework

FRAMEWORK = Framework(
    name="openvino",
    requirements=("openvino",),
    maker=MAKERS / "make_openvino.py",
    cases=(
        *(Case("openvino", f"{name}/model") for name in ("digits", "halves", "two", "bare")),
        Case("openvino", "whole/model", batched=False),
    ),
    files=("test_runtime_openvino.py",),
)
