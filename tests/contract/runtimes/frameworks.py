"""The frameworks whose runtimes keep the contract. To add one: write cases_<framework>.py, add its line here."""

from tests.contract.runtimes.cases import catboost as cases_catboost
from tests.contract.runtimes.cases import huggingface as cases_huggingface
from tests.contract.runtimes.cases import keras as cases_keras
from tests.contract.runtimes.cases import lightgbm as cases_lightgbm
from tests.contract.runtimes.cases import mlflow as cases_mlflow
from tests.contract.runtimes.cases import mxnet as cases_mxnet
from tests.contract.runtimes.cases import onnx as cases_onnx
from tests.contract.runtimes.cases import openvino as cases_openvino
from tests.contract.runtimes.cases import python as cases_python
from tests.contract.runtimes.cases import sklearn as cases_sklearn
from tests.contract.runtimes.cases import tensorflow as cases_tensorflow
from tests.contract.runtimes.cases import torch as cases_torch
from tests.contract.runtimes.cases import xgboost as cases_xgboost
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
