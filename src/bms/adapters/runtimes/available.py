"""The runtimes there are. To add one: write its file, add its line here."""

from bms.adapters.runtimes.catboost import CatboostRuntime
from bms.adapters.runtimes.huggingface import HuggingFaceRuntime
from bms.adapters.runtimes.keras import KerasRuntime
from bms.adapters.runtimes.lightgbm import LightgbmRuntime
from bms.adapters.runtimes.mlflow import MlflowRuntime
from bms.adapters.runtimes.mxnet import MxnetRuntime
from bms.adapters.runtimes.onnx import OnnxRuntime
from bms.adapters.runtimes.openvino import OpenvinoRuntime
from bms.adapters.runtimes.python import PythonRuntime
from bms.adapters.runtimes.remote import RemoteRuntime
from bms.adapters.runtimes.sklearn import SklearnRuntime
from bms.adapters.runtimes.tensorflow import TensorflowRuntime
from bms.adapters.runtimes.torch_code import TorchCodeRuntime
from bms.adapters.runtimes.torch_export import TorchExportRuntime
from bms.adapters.runtimes.torch_script import TorchScriptRuntime
from bms.adapters.runtimes.xgboost import XgboostRuntime
from bms.core.errors import InvalidArgument
from bms.core.programs import ServableConfig
from bms.serving.inference.runtime import Runtime
from bms.serving.lifecycle.servable import Servable

RUNTIMES: dict[str, Runtime] = {
    runtime.name: runtime
    for runtime in (
        OnnxRuntime(),
        RemoteRuntime(),
        SklearnRuntime(),
        HuggingFaceRuntime(),
        XgboostRuntime(),
        LightgbmRuntime(),
        CatboostRuntime(),
        OpenvinoRuntime(),
        PythonRuntime(),
        TensorflowRuntime(),
        KerasRuntime(),
        TorchExportRuntime(),
        TorchScriptRuntime(),
        TorchCodeRuntime(),
        MxnetRuntime(),
    )
}
RUNTIMES[MlflowRuntime.name] = MlflowRuntime(RUNTIMES)  # which hands most of its models to the others


def runtime_named(name: str) -> Runtime:
    """Raises InvalidArgument for an unknown one."""
    runtime = RUNTIMES.get(name)
    if runtime is None:
        raise InvalidArgument(f"unknown runtime {name[:80]!r}: use one of {', '.join(RUNTIMES)}")
    return runtime


def open_servable(config: ServableConfig) -> Servable:
    """Loads with the runtime that the config names. Raises InvalidArgument for an unknown one."""
    return runtime_named(config.runtime).load(config)
