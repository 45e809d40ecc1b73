"""The frameworks whose runtimes keep the contract. To add one: write cases_<framework>.py, add its line here."""

from tests.contract.runtimes import cases_huggingface, cases_onnx, cases_sklearn
from tests.contract.runtimes.runtime_cases import Framework

FRAMEWORKS: tuple[Framework, ...] = (
    cases_onnx.FRAMEWORK,
    cases_sklearn.FRAMEWORK,
    cases_huggingface.FRAMEWORK,
    cases_huggingface.TRANSFORMERS,
)
