"""The list of runtimes, each imported when it is first asked for. To add one: write its folder, add its line here.

A model server needs one of them, and control their names alone: importing all took a fifth of a model server's start.
"""

import importlib
from collections.abc import Callable, Iterator, Mapping

from bms.core.errors import InvalidArgument
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.runtime import Runtime
from bms.serving.lifecycle.servable import Servable

# Module and class of each, by the name that versions say; asked in this order what an artifact is.
_KINDS = {
    "onnx": "onnx.runtime.OnnxRuntime",
    "remote": "remote.runtime.RemoteRuntime",
    "sklearn": "sklearn.runtime.SklearnRuntime",
    "huggingface": "huggingface.runtime.HuggingFaceRuntime",
    "xgboost": "xgboost.runtime.XgboostRuntime",
    "lightgbm": "lightgbm.runtime.LightgbmRuntime",
    "catboost": "catboost.runtime.CatboostRuntime",
    "openvino": "openvino.runtime.OpenvinoRuntime",
    "python": "python.runtime.PythonRuntime",
    "tensorflow": "tensorflow.runtime.TensorflowRuntime",
    "keras": "keras.runtime.KerasRuntime",
    "torch-export": "torch.export.TorchExportRuntime",
    "torchscript": "torch.script.TorchScriptRuntime",
    "torch": "torch.code.TorchCodeRuntime",
    "mxnet": "mxnet.runtime.MxnetRuntime",
    "mlflow": "mlflow.runtime.MlflowRuntime",
}
# Those that hand models to others are made with all of them.
_HAND_ON = frozenset({"mlflow"})


class Runtimes(Mapping[str, Runtime]):
    """A mapping of runtimes by name, in the order of `kinds`; names and their number are known without importing
    any."""

    def __init__(self, kinds: Mapping[str, str]) -> None:
        self._kinds = kinds
        self._made: dict[str, Runtime] = {}

    def __getitem__(self, name: str) -> Runtime:
        if name not in self._made:
            module, _, kind = self._kinds[name].rpartition(".")
            make: Callable[..., Runtime] = getattr(importlib.import_module(f"{__package__}.{module}"), kind)
            self._made[name] = make(self) if name in _HAND_ON else make()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)


RUNTIMES = Runtimes(_KINDS)


def runtime_named(name: str) -> Runtime:
    """Imports the runtime of this name. Raises InvalidArgument for an unknown one."""
    runtime = RUNTIMES.get(name)
    if runtime is None:
        raise InvalidArgument(f"unknown runtime {name[:80]!r}: use one of {', '.join(RUNTIMES)}")
    return runtime


def open_servable(config: ServableConfig) -> Servable:
    """Loads an artifact with the runtime that the config names. Raises InvalidArgument for an unknown one."""
    return runtime_named(config.runtime).load(config)
