"""The runtimes there are. To add one: write its file, add its line here."""

from bms.adapters.runtimes.onnx import OnnxRuntime
from bms.adapters.runtimes.sklearn import SklearnRuntime
from bms.core.errors import InvalidArgument
from bms.core.programs import ServableConfig
from bms.serving.inference.runtime import Runtime
from bms.serving.lifecycle.servable import Servable

RUNTIMES: dict[str, Runtime] = {
    "onnx": OnnxRuntime(),
    "sklearn": SklearnRuntime(),
}


def open_servable(config: ServableConfig) -> Servable:
    """Loads with the runtime that the config names. Raises InvalidArgument for an unknown one."""
    runtime = RUNTIMES.get(config.runtime)
    if runtime is None:
        raise InvalidArgument(f"unknown runtime {config.runtime!r}: use one of {', '.join(RUNTIMES)}")
    return runtime.load(config)
