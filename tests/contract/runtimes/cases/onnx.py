"""ONNX models for the runtimes' contract."""

from pathlib import Path

from tests.contract.runtimes.runtime_cases import Case, Framework
from tests.framework_env import SKLEARN

NAMES = (
    "digits",
    "external",
    "flat_image",
    "frame/model",
    "mlp",
    "parts",
    "slow",
    "targets/model",
    "targets_apart/model",
    "text",
    "two_inputs",
    "zipmap",
)
UNBATCHED = ("fixed", "one_row", "whole_batch")

FRAMEWORK = Framework(
    name="onnx",
    requirements=SKLEARN,
    maker=Path(__file__).parent.with_name("make_artifacts.py"),
    cases=(
        *(Case("onnx", f"onnx/{name}") for name in NAMES),
        *(Case("onnx", f"onnx/{name}", batched=False) for name in UNBATCHED),
    ),
    at_home=True,
)
