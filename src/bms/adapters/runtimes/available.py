"""The runtimes there are, each imported when it is first asked for. To add one: write its file, add its line here.

A model server needs one of them, and control their names alone: importing all took a fifth of a model server's start.
"""

import importlib
from collections.abc import Callable, Iterator, Mapping

from bms.core.errors import InvalidArgument
from bms.core.programs import ServableConfig
from bms.serving.inference.runtime import Runtime
from bms.serving.lifecycle.servable import Servable

# Module and class of each, by the name that versions say; asked in this order what an artifact is.
_KINDS = {
    "onnx": "onnx.OnnxRuntime",
    "remote": "remote.RemoteRuntime",
    "sklearn": "sklearn.SklearnRuntime",
    "huggingface": "huggingface.HuggingFaceRuntime",
    "xgboost": "xgboost.XgboostRuntime",
    "lightgbm": "lightgbm.LightgbmRuntime",
    "catboost": "catboost.CatboostRuntime",
    "openvino": "openvino.OpenvinoRuntime",
    "python": "python.PythonRuntime",
    "tensorflow": "tensorflow.TensorflowRuntime",
    "keras": "keras.KerasRuntime",
    "torch-export": "torch_export.TorchExportRuntime",
    "torchscript": "torch_script.TorchScriptRuntime",
    "torch": "torch_code.TorchCodeRuntime",
    "mxnet": "mxnet.MxnetRuntime",
    "mlflow": "mlflow.MlflowRuntime",
}
# Those that hand models to others are made with all of them.
_HAND_ON = frozenset({"mlflow"})


class Runtimes(Mapping[str, Runtime]):
    """Runtimes by name, in the order of `kinds`; names and their number are known without importing any."""

    def __init__(self, kinds: Mapping[str, str]) -> None:
        self._kinds = kinds
        self._made: dict[str, Runtime] = {}

    def __getitem__(self, name: str) -> Runtime:
        if name not in self._made:
            module, _, kind = self._kinds[name].partition(".")
            make: Callable[..., Runtime] = getattr(importlib.import_module(f"{__package__}.{module}"), kind)
            self._made[name] = make(self) if name in _HAND_ON else make()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)


RUNTIMES = Runtimes(_KINDS)


def runtime_named(name: str) -> Runtime:
    """Raises InvalidArgument for an unknown one."""
    runtime = RUNTIMES.get(name)
    if runtime is None:
        raise InvalidArgument(f"unknown runtime {name[:80]!r}: use one of {', '.join(RUNTIMES)}")
    return runtime


def open_servable(config: ServableConfig) -> Servable:
    """Loads with the runtime that the config names. Raises InvalidArgument for an unknown one."""
    return runtime_named(config.runtime).load(config)
