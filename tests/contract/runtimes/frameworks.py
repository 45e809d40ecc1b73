"""The frameworks whose runtimes keep the contract. To add one: write cases_<framework>.py, add its line here."""

from tests.contract.runtimes import (
    cases_catboost,
    cases_huggingface,
    cases_keras,
    cases_lightgbm,
    cases_mlflow,
    cases_mxnet,
    cases_onnx,
    cases_openvino,
    cases_python,
    cases_sklearn,
    cases_tensorflow,
    cases_torch,
    cases_xgboost,
)
from tests.contract.runtimes.runtime_cases import Framework

FRAMEWORKS: tuple[Framework, ...] = (
    cases_onnx.FRAMEWORK,
    cases_sklearn.FRAMEWORK,
    cases_sklearn.TABLES,
    cases_huggingface.FRAMEWORK,
    cases_xgboost.FRAMEWORK,
    cases_lightgbm.FRAMEWORK,
    cases_catboost.FRAMEWORK,
    cases_openvino.FRAMEWORK,
    cases_huggingface.TRANSFORMERS,
    cases_mlflow.FRAMEWORK,
    cases_mlflow.TORCH,
    cases_python.FRAMEWORK,
    cases_tensorflow.FRAMEWORK,
    cases_keras.FRAMEWORK,
    cases_torch.FRAMEWORK,
    cases_mxnet.FRAMEWORK,
)
